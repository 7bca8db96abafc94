"""The wallet's outputs: what it found, what is spent, what a payment holds, whose they were, and their rings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from struct import pack, unpack
from typing import Any

from specie.kernel.db import SELECT_IN_MAX, Transaction

OURS, HOSTILE, MISMATCH, DUPLICATE = "ours", "hostile", "mismatch", "duplicate"


@dataclass(frozen=True, slots=True)
class Owned:
    """An output that the wallet's keys opened."""

    number: int
    """Global index."""

    height: int
    time_ms: int
    kind: int
    ctx: bytes
    data: bytes = field(repr=False)
    """267 bytes."""

    mask: bytes = field(repr=False)
    """The public mask of kinds 3 to 5, else empty."""

    status: str
    """`ours`; `hostile` failed the Janus check, `mismatch` the commitment, `duplicate` has a key seen before."""

    account: int
    place: int
    value: int
    image: bytes = field(repr=False)
    """Key image; empty in a view-only wallet."""

    memo: bytes = field(repr=False)
    own: bool
    """Change: its memo opened with s_b."""

    spent_height: int | None = None
    spent_ms: int | None = None
    held: bytes | None = None
    """The payment that means to spend it."""

    @property
    def class_(self) -> int:
        return int(self.kind > 2)


_COLUMNS = (
    "number, height, time_ms, kind, ctx, data, mask, status, account, place, value, image, memo, own, spent_height,"
    " spent_ms, held"
)


def _owned(row: Sequence[Any]) -> Owned:
    items = [*row[:13], bool(row[13]), *row[14:]]
    return Owned(*items)


# SPEC LEDGER-4.4.2
def add_output(tx: Transaction, output: Owned) -> Owned:
    """Keep an output; one with a one-time key that the wallet has already is kept as `duplicate`, worth nothing."""
    if output.status == OURS and is_known_key(tx, output.data[:32]):
        output = Owned(
            *(output.number, output.height, output.time_ms, output.kind, output.ctx, output.data, output.mask),
            *(DUPLICATE, output.account, output.place, output.value, output.image, output.memo, output.own),
        )
    tx.run(
        "INSERT INTO output(number, height, time_ms, kind, ctx, data, one_time, mask, status, account, place, value,"
        " image, memo, own) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(output.number, output.height, output.time_ms, output.kind, output.ctx, output.data, output.data[:32]),
            *(output.mask, output.status, output.account, output.place, output.value, output.image, output.memo),
            int(output.own),
        ),
    )
    return output


def is_known_key(tx: Transaction, one_time: bytes) -> bool:
    """The same one-time key means the same key image: P = x·G and I = x·H_p(P)."""
    return tx.one("SELECT 1 FROM output WHERE one_time = ? AND status = ?", (one_time, OURS)) is not None


def all_outputs(tx: Transaction) -> list[Owned]:
    return [_owned(row) for row in tx.all(f"SELECT {_COLUMNS} FROM output ORDER BY number")]


def numbers(tx: Transaction) -> frozenset[int]:
    """Indices of everything that the keys opened: none of it may be a decoy of ours."""
    return frozenset(row[0] for row in tx.all("SELECT number FROM output"))


def output(tx: Transaction, number: int) -> Owned | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM output WHERE number = ?", (number,))
    return None if row is None else _owned(row)


def unspent(tx: Transaction) -> list[Owned]:
    """What the wallet owns now, held or not."""
    rows = tx.all(f"SELECT {_COLUMNS} FROM output WHERE status = ? AND spent_height IS NULL ORDER BY number", (OURS,))
    return [_owned(row) for row in rows]


def of_images(tx: Transaction, images: Sequence[bytes]) -> list[Owned]:
    """The outputs with these key images."""
    rows = tx.select_in(f"SELECT {_COLUMNS} FROM output WHERE image {{}} ORDER BY number", list(images), "blob")
    return [_owned(row) for row in rows]


def held_by(tx: Transaction, payment: bytes) -> list[Owned]:
    return [_owned(row) for row in tx.all(f"SELECT {_COLUMNS} FROM output WHERE held = ? ORDER BY number", (payment,))]


def of_context(tx: Transaction, ctx: bytes) -> list[Owned]:
    """Everything of one context, such as one mint."""
    return [_owned(row) for row in tx.all(f"SELECT {_COLUMNS} FROM output WHERE ctx = ? ORDER BY number", (ctx,))]


def of_keys(tx: Transaction, one_times: Sequence[bytes]) -> list[Owned]:
    """The outputs with these one-time keys."""
    rows = tx.select_in(f"SELECT {_COLUMNS} FROM output WHERE one_time {{}} ORDER BY number", list(one_times), "blob")
    return [_owned(row) for row in rows]


def spend_by_images(tx: Transaction, images: Sequence[bytes], height: int, time_ms: int) -> None:
    """Mark what these key images spend; images of others change nothing."""
    for at in range(0, len(images), 8_000):
        part = images[at : at + 8_000]
        rows = tx.select_in("SELECT number FROM output WHERE spent_height IS NULL AND image {}", list(part), "blob")
        spend_by_numbers(tx, [row[0] for row in rows], height, time_ms)


def spend_by_numbers(tx: Transaction, numbers: Iterable[int], height: int, time_ms: int) -> None:
    """Mark outputs as spent at a height."""
    for number in numbers:
        tx.run(
            "UPDATE output SET spent_height = ?, spent_ms = ? WHERE number = ? AND spent_height IS NULL",
            (height, time_ms, number),
        )


def hold(tx: Transaction, numbers: Sequence[int], payment: bytes) -> bool:
    """Give outputs to a payment; False where one of them is spent or another payment's."""
    changed = [
        tx.run(
            "UPDATE output SET held = ? WHERE number = ? AND spent_height IS NULL AND (held IS NULL OR held = ?)",
            (payment, number, payment),
        )
        for number in numbers
    ]
    return all(count == 1 for count in changed)


def release(tx: Transaction, payment: bytes) -> None:
    """The payment lets go of what it held."""
    tx.run("UPDATE output SET held = NULL WHERE held = ?", (payment,))


# -- tags: from whom


def add_tags(tx: Transaction, number: int, tags: Iterable[str]) -> None:
    for tag in sorted(set(tags)):
        tx.run("INSERT INTO tag(number, tag) VALUES (?, ?) ON CONFLICT(number, tag) DO NOTHING", (number, tag))


def tags(tx: Transaction, numbers: Sequence[int]) -> dict[int, frozenset[str]]:
    """From whom these outputs came."""
    found: dict[int, set[str]] = {}
    for start in range(0, len(numbers), SELECT_IN_MAX):
        wanted = list(numbers[start : start + SELECT_IN_MAX])
        for number, tag in tx.select_in("SELECT number, tag FROM tag WHERE number {}", wanted, "int"):
            found.setdefault(number, set()).add(tag)
    return {number: frozenset(each) for number, each in found.items()}


# -- rings


# SPEC LEDGER-10.8
def keep_ring(tx: Transaction, number: int, class_: int, law: int, members: Sequence[int]) -> None:
    """Keep the ring of an output, before anybody is asked for it. It may only grow: no member is ever given up."""
    row = tx.one("SELECT members FROM ring WHERE number = ?", (number,))
    earlier = _members(row[0]) if row is not None else ()
    if not set(earlier) <= set(members):
        raise RuntimeError("a ring that was kept would lose members")
    if tuple(members) != earlier:
        tx.run(
            "INSERT INTO ring(number, class, law, members, entries) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT(number) DO UPDATE SET law = excluded.law, members = excluded.members,"
            " entries = excluded.entries",
            (number, class_, law, pack(f"<{len(members)}Q", *members), b""),
        )


# SPEC LEDGER-10.4
def keep_entries(tx: Transaction, number: int, entries: bytes) -> None:
    """Keep what was answered for a ring, once it is checked: it is never asked for again."""
    tx.run("UPDATE ring SET entries = ? WHERE number = ?", (entries, number))


def entries(tx: Transaction, number: int) -> bytes:
    """The checked members of a ring, 276 bytes each; empty before the first answer."""
    row = tx.one("SELECT entries FROM ring WHERE number = ?", (number,))
    return bytes(row[0]) if row else b""


def rings(tx: Transaction) -> Mapping[int, tuple[int, ...]]:
    """Every ring that is kept, by the output it hides."""
    return {row[0]: _members(row[1]) for row in tx.all("SELECT number, members FROM ring")}


def forget_rings(tx: Transaction) -> None:
    """Outputs that are spent for ever need no ring any more, and whoever gets this file shall not read it."""
    tx.run("DELETE FROM ring WHERE number IN (SELECT number FROM output WHERE spent_height IS NOT NULL)")


def _members(data: bytes) -> tuple[int, ...]:
    return unpack(f"<{len(data) // 8}Q", data)


# -- what left, as the change tells it


@dataclass(frozen=True, slots=True)
class Expense:
    """A transaction of the wallet, restored from its change memo."""

    number: int
    """Index of the change output that told."""

    height: int
    time_ms: int
    kind: int
    """1 transfer, 2 withdraw, 3 fund."""

    account: int
    amount: int
    fee: int
    recipient: bytes
    spent: tuple[int, ...]
    ref: bytes | None = None
    """withdraw_ref of a type 2, where its block was read."""


def add_expense(tx: Transaction, expense: Expense) -> None:
    tx.run(
        "INSERT INTO expense(number, height, time_ms, kind, account, amount, fee, recipient, spent, ref)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(expense.number, expense.height, expense.time_ms, expense.kind, expense.account, expense.amount),
            *(expense.fee, expense.recipient, pack(f"<{len(expense.spent)}Q", *expense.spent), expense.ref),
        ),
    )


def expenses(tx: Transaction) -> list[Expense]:
    rows = tx.all(
        "SELECT number, height, time_ms, kind, account, amount, fee, recipient, spent, ref FROM expense ORDER BY number"
    )
    return [Expense(*items) for items in ([*row[:8], _members(row[8]), row[9]] for row in rows)]
