"""Reading: blocks, outputs, leaves, entries of the state tree, submissions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from specie.kernel.db import Transaction
from specie.ledger.store.blocks import SubmissionState

PAGE = 8192
HISTORY_HEIGHTS = 10_101
"""Values of entries are kept for so many heights: the widest window that governance can set."""
CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A block without its lists."""

    height: int
    time_ms: int
    app_hash: bytes
    header: bytes
    finality: bytes
    out_size: int


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """How a submission ended."""

    state: SubmissionState
    code: str | None
    rule: str | None
    height: int
    leaf: bytes | None
    position: int | None


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """An accepted parameter change."""

    version: int
    op_id: bytes
    height: int
    effective_height: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class EpochRow:
    """An accepted epoch key operation."""

    epoch: int
    op_id: bytes
    height: int
    frame: bytes


def genesis(tx: Transaction) -> bytes | None:
    """The genesis document, where the database holds a chain."""
    row = tx.one("SELECT document FROM genesis WHERE id = 1")
    return None if row is None else row[0]


_BLOCK = "SELECT height, time_ms, app_hash, header, finality, out_size FROM block"


def last_block(tx: Transaction) -> BlockRow | None:
    """The tip."""
    row = tx.one(f"{_BLOCK} ORDER BY height DESC LIMIT 1")
    return None if row is None else BlockRow(*row)


def block(tx: Transaction, height: int) -> BlockRow | None:
    """One block."""
    row = tx.one(f"{_BLOCK} WHERE height = ?", (height,))
    return None if row is None else BlockRow(*row)


def blocks(tx: Transaction, first: int, limit: int) -> list[BlockRow]:
    """Blocks from a height on, ascending."""
    return [BlockRow(*row) for row in tx.all(f"{_BLOCK} WHERE height >= ? ORDER BY height LIMIT ?", (first, limit))]


def block_before(tx: Transaction, time_ms: int) -> BlockRow | None:
    """The newest block that is not younger than a time."""
    # times ascend with heights, so that halving over the primary key finds it without an index on time
    tip = last_block(tx)
    if tip is None:
        return None
    low, high = 0, tip.height
    while low < high:
        middle = (low + high + 1) // 2
        row = tx.one("SELECT time_ms FROM block WHERE height = ?", (middle,))
        if row is not None and row[0] <= time_ms:
            low = middle
        else:
            high = middle - 1
    return block(tx, low)


def record(tx: Transaction, height: int) -> bytes | None:
    """A block record."""
    row = tx.one("SELECT record FROM block_record WHERE height = ?", (height,))
    return None if row is None else row[0]


def records(tx: Transaction, first: int, count: int) -> list[tuple[int, bytes]]:
    """(height, record) from a height on, ascending."""
    rows = tx.all(
        "SELECT height, record FROM block_record WHERE height >= ? AND height < ? ORDER BY height",
        (first, first + count),
    )
    return [(height, data) for height, data in rows]


def blocks_with_records(tx: Transaction, first: int, count: int) -> list[tuple[BlockRow, bytes, bytes | None]]:
    """(block, record, range proofs where they are still kept) from a height on, ascending: what an audit reads."""
    rows = tx.all(
        "SELECT b.height, b.time_ms, b.app_hash, b.header, b.finality, b.out_size, r.record, r.proofs FROM block b"
        " JOIN block_record r ON r.height = b.height WHERE b.height >= ? ORDER BY b.height LIMIT ?",
        (first, count),
    )
    return [(BlockRow(*row[:6]), row[6], row[7]) for row in rows]


def proofs(tx: Transaction, height: int) -> tuple[bool, bytes | None]:
    """(the block exists, its proofs segment where it is still kept)."""
    row = tx.one("SELECT proofs FROM block_record WHERE height = ?", (height,))
    return (False, None) if row is None else (True, row[0])


def outputs(tx: Transaction, first: int, count: int) -> list[tuple[int, int, int, bytes]]:
    """(index, class, height, output) from an index on, ascending."""
    rows = tx.all(
        "SELECT idx, class, height, data FROM output WHERE idx >= ? AND idx < ? ORDER BY idx", (first, first + count)
    )
    return [(index, class_, height, data) for index, class_, height, data in rows]


def all_outputs(tx: Transaction) -> Iterator[list[tuple[int, int, bytes]]]:
    """The whole log in chunks of (class, height, output)."""
    first = 0
    while chunk := outputs(tx, first, CHUNK):
        yield [(class_, height, data) for _, class_, height, data in chunk]
        first += len(chunk)


def class_counts(tx: Transaction) -> dict[int, int]:
    """Outputs per class."""
    return {class_: count for class_, count in tx.all("SELECT class, COUNT(*) FROM output GROUP BY class")}


def key_images(tx: Transaction, first: int, count: int) -> list[tuple[int, bytes]]:
    """(height, image) of blocks from a height on, ascending by both."""
    rows = tx.all(
        "SELECT height, image FROM key_image WHERE height >= ? AND height < ? ORDER BY height, image",
        (first, first + count),
    )
    return [(height, image) for height, image in rows]


def key_images_until(tx: Transaction, height: int) -> Iterator[list[tuple[bytes, int]]]:
    """All (image, height) up to a height, in chunks."""
    after = b""
    while chunk := tx.all(
        "SELECT image, height FROM key_image WHERE image > ? AND height <= ? ORDER BY image LIMIT ?",
        (after, height, CHUNK),
    ):
        yield [(image, at) for image, at in chunk]
        after = chunk[-1][0]


def leaf(tx: Transaction, value: bytes) -> tuple[int, int] | None:
    """(height, position) of a tx_leaf or op_id."""
    row = tx.one("SELECT height, position FROM leaf WHERE leaf = ?", (value,))
    return None if row is None else (row[0], row[1])


def known_leaves(tx: Transaction, values: Sequence[bytes]) -> set[bytes]:
    """Which of these took effect."""
    found: set[bytes] = set()
    for start in range(0, len(values), PAGE):
        rows = tx.select_in("SELECT leaf FROM leaf WHERE leaf {}", list(values[start : start + PAGE]), "blob")
        found.update(row[0] for row in rows)
    return found


def entry(tx: Transaction, domain: int, ident: bytes, height: int | None = None) -> bytes | None:
    """The newest value of an entry, or that of a height. Values replaced long ago may have been dropped."""
    if height is None:
        row = tx.one(
            "SELECT value FROM entry WHERE domain = ? AND id = ? ORDER BY height DESC LIMIT 1", (domain, ident)
        )
    else:
        row = tx.one(
            "SELECT value FROM entry WHERE domain = ? AND id = ? AND height <= ? ORDER BY height DESC LIMIT 1",
            (domain, ident, height),
        )
    return None if row is None else row[0]


def entries_until(tx: Transaction, height: int) -> list[tuple[int, bytes, bytes]]:
    """(domain, id, value) of every entry as it stood at a height."""
    rows = tx.all(
        "SELECT e.domain, e.id, e.value FROM entry e WHERE e.height = (SELECT MAX(n.height) FROM entry n"
        " WHERE n.domain = e.domain AND n.id = e.id AND n.height <= ?)",
        (height,),
    )
    return [(domain, ident, value) for domain, ident, value in rows]


def entries_above(tx: Transaction, height: int) -> list[tuple[int, int, bytes, bytes]]:
    """(height, domain, id, value) of every change above a height, ascending by height."""
    rows = tx.all("SELECT height, domain, id, value FROM entry WHERE height > ? ORDER BY height", (height,))
    return [(at, domain, ident, value) for at, domain, ident, value in rows]


def entries_of(tx: Transaction, domain: int) -> list[tuple[bytes, bytes]]:
    """(id, newest value) of every entry of a domain."""
    rows = tx.all(
        "SELECT e.id, e.value FROM entry e WHERE e.domain = ? AND e.height = (SELECT MAX(n.height) FROM entry n"
        " WHERE n.domain = e.domain AND n.id = e.id)",
        (domain,),
    )
    return [(ident, value) for ident, value in rows]


def parameters(tx: Transaction) -> list[ParameterRow]:
    """Accepted changes, by version."""
    rows = tx.all("SELECT version, op_id, height, effective_height, frame FROM parameter ORDER BY version")
    return [ParameterRow(*row) for row in rows]


def epochs(tx: Transaction) -> list[EpochRow]:
    """Accepted epoch keys, by epoch."""
    return [EpochRow(*row) for row in tx.all("SELECT epoch, op_id, height, frame FROM epoch ORDER BY epoch")]


def submission(tx: Transaction, ident: bytes) -> SubmissionRow | None:
    """How a submission ended, where that is remembered."""
    row = tx.one(
        "SELECT s.state, s.code, s.rule, s.height, s.leaf, l.position FROM submission s"
        " LEFT JOIN leaf l ON l.leaf = s.leaf WHERE s.id = ?",
        (ident,),
    )
    return None if row is None else SubmissionRow(SubmissionState(row[0]), *row[1:])


def spent_height(tx: Transaction, image: bytes) -> int | None:
    """At which height a key image was spent."""
    row = tx.one("SELECT height FROM key_image WHERE image = ?", (image,))
    return None if row is None else int(row[0])
