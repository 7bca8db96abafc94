"""What follows from the logs: uses, units, what came back, buckets counted anew, open links. SQL, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specie.kernel.db import Transaction

USED_MAX = 2**63 - 1
_USE = (
    "SELECT seq, cid, request, issuer, currency, amount, unit_root, owner_hash, bit_cti, bit, stock, redeemed, minted,"
    " cancelled FROM use"
)


@dataclass(frozen=True, slots=True)
class UseRow:
    """One credential that quota control counted."""

    seq: int
    cid: bytes
    request: bytes
    issuer: str
    currency: str
    amount: int
    unit_root: bytes
    owner_hash: bytes
    bit_cti: bytes | None
    bit: bytes | None
    """SHA-256 of the finished control bit."""
    stock: bytes
    """Keys of the stock buckets that it was counted in, separated by newlines."""
    redeemed: int = 0
    minted: int | None = None
    """Position of the mint in the issuance system's log."""
    cancelled: int | None = None


@dataclass(frozen=True, slots=True)
class CountedRow:
    """A leaf that changed the supply; as `protocol.supply` wants it."""

    seq: int
    kind: str
    currency: str
    issuer: str
    amount: int
    object: bytes
    request: bytes = b""
    """Hash of the `dc-redreq`, of a redemption."""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A leaf that names an object of another log."""

    role: str
    seq: int
    target: str
    what: str
    object: bytes
    previous: bytes
    horizon: int
    """The size of the other log by which the object must stand in it; 0 until that was asked."""


@dataclass(frozen=True, slots=True)
class UseItem:
    """A counted control bit, as far as it is matched with a registry."""

    seq: int
    unit_root: bytes
    amount: int


def add_credential(tx: Transaction, tbs: bytes, digest: bytes, cid: bytes, seq: int) -> None:
    if tx.one("SELECT seq FROM credential WHERE tbs = ?", (tbs,)) is None:
        tx.insert_many(
            "credential", {"tbs": "blob", "hash": "blob", "cid": "blob", "seq": "int"}, [(tbs, digest, cid, seq)]
        )


def credential_seq(tx: Transaction, name: bytes) -> int | None:
    """Position of a credential in central management's log, by the hash of its Sig_structure or of its bytes."""
    row = tx.one("SELECT seq FROM credential WHERE tbs = ?", (name,))
    row = row or tx.one("SELECT seq FROM credential WHERE hash = ? ORDER BY seq LIMIT 1", (name,))
    return row[0] if row else None


def add_use(tx: Transaction, row: UseRow) -> None:
    tx.insert_many(
        "use",
        {
            "seq": "int",
            "cid": "blob",
            "request": "blob",
            "issuer": "text",
            "currency": "text",
            "amount": "int",
            "unit_root": "blob",
            "owner_hash": "blob",
            "bit_cti": "blob",
            "bit": "blob",
            "stock": "blob",
        },
        [
            (
                row.seq,
                row.cid,
                row.request,
                row.issuer,
                row.currency,
                row.amount,
                row.unit_root,
                row.owner_hash,
                row.bit_cti,
                row.bit,
                row.stock,
            )
        ],
    )


def give_bit(tx: Transaction, seq: int, bit_cti: bytes, bit: bytes) -> None:
    """The bit of a credential that was held after a restore."""
    tx.run("UPDATE use SET bit_cti = ?, bit = ? WHERE seq = ?", (bit_cti, bit, seq))


def use_by(tx: Transaction, column: str, value: bytes | int) -> UseRow | None:
    """The first use by one of: seq, cid, request, bit, bit_cti."""
    row = tx.one(f"{_USE} WHERE {column} = ? ORDER BY seq LIMIT 1", (value,))
    return UseRow(*row) if row else None


def add_redeemed(tx: Transaction, seq: int, amount: int) -> None:
    tx.run("UPDATE use SET redeemed = redeemed + ? WHERE seq = ?", (amount, seq))


def set_minted(tx: Transaction, seq: int, at: int) -> bool:
    """False where it was minted before."""
    return tx.run("UPDATE use SET minted = ? WHERE seq = ? AND minted IS NULL", (at, seq)) == 1


def set_cancelled(tx: Transaction, seq: int, at: int) -> bool:
    """False where it was cancelled before."""
    return tx.run("UPDATE use SET cancelled = ? WHERE seq = ? AND cancelled IS NULL", (at, seq)) == 1


def add_units(tx: Transaction, rows: Sequence[tuple[bytes, int, int]]) -> None:
    """(serial, position of the use, value)"""
    tx.insert_many("unit", {"serial": "blob", "use_seq": "int", "value": "int"}, rows)


def units(tx: Transaction, serials: Sequence[bytes]) -> dict[bytes, tuple[int, int, int | None]]:
    """Serial to (position of the use, value, position of the redemption)."""
    rows = tx.select_in("SELECT serial, use_seq, value, redeemed FROM unit WHERE serial {}", serials, "blob")
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def set_redeemed(tx: Transaction, serial: bytes, at: int) -> bool:
    """False where it was redeemed before, or is no unit."""
    return tx.run("UPDATE unit SET redeemed = ? WHERE serial = ? AND redeemed IS NULL", (at, serial)) == 1


def add_reference(tx: Transaction, reference: bytes, value: int, at: int) -> bool:
    """A burn or a posting takes the place of a serial; False where it is known."""
    if tx.one("SELECT serial FROM unit WHERE serial = ?", (reference,)) is not None:
        return False
    tx.insert_many(
        "unit",
        {"serial": "blob", "use_seq": "int", "value": "int", "redeemed": "int"},
        [(reference, 0, value, at)],
    )
    return True


def add_counted(tx: Transaction, row: CountedRow) -> None:
    tx.insert_many(
        "counted",
        {
            "seq": "int",
            "kind": "text",
            "currency": "text",
            "issuer": "text",
            "amount": "int",
            "object": "blob",
            "request": "blob",
        },
        [(row.seq, row.kind, row.currency, row.issuer, row.amount, row.object, row.request)],
    )


def counted_between(tx: Transaction, after: int, last: int) -> list[CountedRow]:
    rows = tx.all(
        "SELECT seq, kind, currency, issuer, amount, object, request FROM counted WHERE seq > ? AND seq <= ?"
        " ORDER BY seq",
        (after, last),
    )
    return [CountedRow(*row) for row in rows]


def is_redemption(tx: Transaction, request: bytes) -> bool:
    return tx.one("SELECT seq FROM counted WHERE request = ? AND kind = 'redeem'", (request,)) is not None


def used(tx: Transaction, keys: Sequence[str]) -> dict[str, int]:
    """What was counted in each bucket so far."""
    rows = tx.select_in("SELECT key, used FROM bucket WHERE key {}", keys, "text") if keys else []
    known = {row[0]: row[1] for row in rows}
    return {key: known.get(key, 0) for key in keys}


def set_used(tx: Transaction, key: str, amount: int) -> None:
    """What a bucket holds now, as far as a column can hold it."""
    kept = max(-USED_MAX, min(USED_MAX, amount))
    if tx.run("UPDATE bucket SET used = ? WHERE key = ?", (kept, key)) == 0:
        tx.insert_many("bucket", {"key": "text", "used": "int"}, [(key, kept)])


def add_links(tx: Transaction, rows: Sequence[LinkRow]) -> None:
    tx.insert_many(
        "link",
        {
            "role": "text",
            "seq": "int",
            "target": "text",
            "what": "text",
            "object": "blob",
            "previous": "blob",
            "horizon": "int",
        },
        [(row.role, row.seq, row.target, row.what, row.object, row.previous, row.horizon) for row in rows],
    )


def set_horizon(tx: Transaction, target: str, size: int) -> None:
    """The other log had this size after the leaf was read, so by then the object must stand in it."""
    tx.run("UPDATE link SET horizon = ? WHERE target = ? AND horizon = 0", (size, target))


def open_links(tx: Transaction, limit: int) -> list[LinkRow]:
    rows = tx.all(
        "SELECT role, seq, target, what, object, previous, horizon FROM link ORDER BY role, seq LIMIT ?", (limit,)
    )
    return [LinkRow(*row) for row in rows]


def close_link(tx: Transaction, row: LinkRow) -> None:
    tx.run("DELETE FROM link WHERE role = ? AND seq = ?", (row.role, row.seq))


def uses_between(tx: Transaction, currency: str, after: int, last: int) -> list[UseItem]:
    """Control bits of one currency, by their position."""
    rows = tx.all(
        "SELECT seq, unit_root, amount FROM use WHERE seq > ? AND seq <= ? AND currency = ? ORDER BY seq",
        (after, last, currency),
    )
    return [UseItem(*row) for row in rows]


def cancelled_between(tx: Transaction, currency: str, after: int, last: int) -> list[tuple[bytes, int]]:
    """(unit root, position of the cancellation)"""
    if not _has_counted(tx, "cancel", after, last):
        return []
    rows = tx.all(
        "SELECT unit_root, cancelled FROM use WHERE cancelled > ? AND cancelled <= ? AND currency = ?",
        (after, last, currency),
    )
    return [(row[0], row[1]) for row in rows]


def references_between(tx: Transaction, currency: str, after: int, last: int) -> list[tuple[bytes, int, int]]:
    """(reference, amount, position) of redemptions by a burn or a posting."""
    if not _has_counted(tx, "redeem", after, last):
        return []
    rows = tx.all(
        "SELECT unit.serial, unit.value, unit.redeemed FROM unit JOIN counted ON counted.seq = unit.redeemed"
        " WHERE unit.use_seq = 0 AND unit.redeemed > ? AND unit.redeemed <= ? AND counted.currency = ?",
        (after, last, currency),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _has_counted(tx: Transaction, kind: str, after: int, last: int) -> bool:
    """Whether leaves of this kind were counted between two positions; spares most rounds a look at a whole table."""
    row = tx.one("SELECT seq FROM counted WHERE seq > ? AND seq <= ? AND kind = ? LIMIT 1", (after, last, kind))
    return row is not None
