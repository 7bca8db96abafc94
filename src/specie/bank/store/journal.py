"""The journal's rows: head, postings with their legs, deeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specie.bank.messages.postings import Kind, Posting
from specie.crypto import merkle
from specie.kernel.db import Transaction


@dataclass(frozen=True, slots=True)
class Head:
    """Where postings and deeds stand."""

    seq: int
    hash: bytes
    frontier: bytes
    deed: int
    deed_hash: bytes
    at_us: int
    high_us: int
    """The latest time this store has seen; decisions never go before it."""


@dataclass(frozen=True, slots=True)
class PostingRow:
    """A posting that is there."""

    seq: int
    kind: Kind
    ref: bytes
    at_s: int
    body: bytes
    hash: bytes
    marked: bool


@dataclass(frozen=True, slots=True)
class LegRow:
    """One leg, with the account's balance after it."""

    account: str
    seq: int
    side: int
    amount: int
    after: int


# SPEC BANK-2.6
def read_head(tx: Transaction, *, lock: bool = False) -> Head:
    """The head row; lock: hold it until commit, before any account."""
    suffix = tx.lock_suffix if lock else ""
    row = tx.one(f"SELECT seq, hash, frontier, deed, deed_hash, at_us, high_us FROM head WHERE id = 1{suffix}")
    if row is None:
        raise RuntimeError("the store has no head; its tables were not made by the migrations")
    return Head(*row)


def write_head(tx: Transaction, head: Head) -> None:
    tx.run(
        "UPDATE head SET seq = ?, hash = ?, frontier = ?, deed = ?, deed_hash = ?, at_us = ?, high_us = ? WHERE id = 1",
        (head.seq, head.hash, head.frontier, head.deed, head.deed_hash, head.at_us, head.high_us),
    )


def postings_by_ref(tx: Transaction, refs: Sequence[bytes]) -> dict[tuple[Kind, bytes], PostingRow]:
    """What was posted under these references, by (kind, ref)."""
    rows = tx.select_in(f"SELECT {_POSTING} FROM posting WHERE ref {{}}", refs, "blob")
    return {(row.kind, row.ref): row for row in map(_posting, rows)}


_POSTING = "seq, kind, ref, at_s, body, hash, marked"


def _posting(row: Sequence[object]) -> PostingRow:
    seq, kind, ref, at_s, body, digest, marked = row
    return PostingRow(seq, Kind(kind), ref, at_s, body, digest, bool(marked))  # type: ignore[arg-type]


def posting(tx: Transaction, seq: int) -> PostingRow | None:
    row = tx.one(f"SELECT {_POSTING} FROM posting WHERE seq = ?", (seq,))
    return None if row is None else _posting(row)


def postings(tx: Transaction, first: int, count: int) -> list[PostingRow]:
    """A stretch of the journal."""
    rows = tx.all(f"SELECT {_POSTING} FROM posting WHERE seq >= ? ORDER BY seq LIMIT ?", (first, count))
    return [_posting(row) for row in rows]


def add_postings(
    tx: Transaction, items: Sequence[tuple[Posting, bytes, bytes, bool]], legs: Sequence[LegRow]
) -> list[bytes]:
    """Write (posting, body, hash, marked) and legs set-wise; the leaves of the tree."""
    leaves = [merkle.leaf_hash(body) for _, body, _, _ in items]
    tx.insert_many(
        "posting",
        {
            "seq": "int",
            "kind": "text",
            "ref": "blob",
            "at_s": "int",
            "body": "blob",
            "leaf": "blob",
            "hash": "blob",
            "marked": "int",
        },
        [
            (each.id, str(each.kind), each.ref, each.at_s, body, leaf, digest, int(marked))
            for (each, body, digest, marked), leaf in zip(items, leaves, strict=True)
        ],
    )
    tx.insert_many(
        "leg",
        {"account": "text", "seq": "int", "side": "int", "amount": "int", "after": "int"},
        [(leg.account, leg.seq, leg.side, leg.amount, leg.after) for leg in legs],
    )
    return leaves


def leaves(tx: Transaction, size: int) -> list[bytes]:
    return [row[0] for row in tx.all("SELECT leaf FROM posting WHERE seq <= ? ORDER BY seq", (size,))]


def leaves_between(tx: Transaction, first: int, last: int) -> list[bytes]:
    rows = tx.all("SELECT leaf FROM posting WHERE seq >= ? AND seq <= ? ORDER BY seq", (first, last))
    return [row[0] for row in rows]


def legs_of_account(tx: Transaction, account: str, from_s: int, to_s: int) -> list[tuple[LegRow, PostingRow]]:
    """Legs of an account from one time up to, not including, another."""
    rows = tx.all(
        "SELECT l.account, l.seq, l.side, l.amount, l.after, p.seq, p.kind, p.ref, p.at_s, p.body, p.hash, p.marked"
        " FROM leg l JOIN posting p ON p.seq = l.seq WHERE l.account = ? AND p.at_s >= ? AND p.at_s < ?"
        " ORDER BY l.seq, l.side",
        (account, from_s, to_s),
    )
    return [(LegRow(*row[:5]), _posting(row[5:])) for row in rows]


def balance_before(tx: Transaction, account: str, at_s: int) -> int:
    """The balance after the last leg before a time."""
    row = tx.one(
        "SELECT l.after FROM leg l JOIN posting p ON p.seq = l.seq WHERE l.account = ? AND p.at_s < ?"
        " ORDER BY l.seq DESC, l.side DESC LIMIT 1",
        (account, at_s),
    )
    return 0 if row is None else int(row[0])


def position_at(tx: Transaction, at_s: int) -> tuple[int, bytes]:
    """(number, hash) of the last posting before a time."""
    row = tx.one("SELECT seq, hash FROM posting WHERE at_s < ? ORDER BY seq DESC LIMIT 1", (at_s,))
    return (0, bytes(32)) if row is None else (row[0], row[1])


def all_legs(tx: Transaction, first: int, last: int) -> dict[int, list[LegRow]]:
    """Legs of a stretch, by posting."""
    found: dict[int, list[LegRow]] = {}
    rows = tx.all(
        "SELECT account, seq, side, amount, after FROM leg WHERE seq >= ? AND seq <= ? ORDER BY seq, side, account",
        (first, last),
    )
    for row in rows:
        found.setdefault(row[1], []).append(LegRow(*row))
    return found


def leg_count(tx: Transaction) -> int:
    row = tx.one("SELECT COUNT(*) FROM leg")
    return int(row[0]) if row else 0


def add_deeds(tx: Transaction, rows: Sequence[tuple[int, str, bytes, bytes]]) -> None:
    """(number, account, body, hash)"""
    tx.insert_many("deed", {"seq": "int", "account": "text", "body": "blob", "hash": "blob"}, rows)


def deeds(tx: Transaction) -> list[tuple[int, str, bytes, bytes]]:
    rows = tx.all("SELECT seq, account, body, hash FROM deed ORDER BY seq")
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def deeds_of(tx: Transaction, account: str) -> list[bytes]:
    return [row[0] for row in tx.all("SELECT body FROM deed WHERE account = ? ORDER BY seq", (account,))]


def add_checkpoint(tx: Transaction, size: int, note: bytes, root: bytes, at_us: int) -> None:
    if tx.one("SELECT size FROM checkpoint WHERE size = ?", (size,)) is None:
        columns = {"size": "int", "note": "blob", "root": "blob", "at_us": "int"}
        tx.insert_many("checkpoint", columns, [(size, note, root, at_us)])  # type: ignore[arg-type]


def checkpoints(tx: Transaction) -> list[tuple[int, bytes, bytes, int]]:
    """(size, note, root, at), oldest first."""
    rows = tx.all("SELECT size, note, root, at_us FROM checkpoint ORDER BY size")
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def mark_anchored(tx: Transaction, size: int, at_us: int) -> None:
    """This checkpoint stands on the ledger."""
    if tx.one("SELECT size FROM anchored WHERE size = ?", (size,)) is None:
        tx.insert_many("anchored", {"size": "int", "at_us": "int"}, [(size, at_us)])


def last_anchored(tx: Transaction) -> tuple[int, int] | None:
    """(size, time) of the newest checkpoint on the ledger."""
    row = tx.one("SELECT size, at_us FROM anchored ORDER BY size DESC LIMIT 1")
    return None if row is None else (row[0], row[1])
