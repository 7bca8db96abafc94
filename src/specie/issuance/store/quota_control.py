"""Rows of quota control: uses of credentials, redemptions, leases, supply statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from typing import Any

from specie.kernel.db import Columns, Transaction


# SPEC ISSUANCE-8.2
class UseState(IntEnum):
    """ISSUANCE-8.2. USED becomes SIGNED when the bit's signature is stored; that step is read off the object row."""

    USED = 1
    MINTED = 3
    CANCELLED = 4
    TOMBSTONED = 5
    REVOKED = 6
    HELD = 7
    """Counted after a restore, its bit unknown (ISSUANCE-17.4)."""


@dataclass(frozen=True, slots=True)
class UseRow:
    """The one thing that happened to a credential here."""

    cid: bytes
    hash: bytes
    iss: str
    currency: str
    amount: int
    model: int
    state: UseState
    bit: bytes | None
    """cti of the control bit."""
    seq: int
    at_us: int
    req: bytes | None
    buckets: bytes
    unit_root: bytes | None
    units: int
    owner: bytes
    closed: bytes | None = None
    """cti of the dc-tomb or dc-used that answered."""


_KINDS: Columns = {
    "cid": "blob",
    "hash": "blob",
    "iss": "text",
    "currency": "text",
    "amount": "int",
    "model": "int",
    "state": "int",
    "bit": "blob",
    "seq": "int",
    "at_us": "int",
    "req": "blob",
    "buckets": "blob",
    "unit_root": "blob",
    "units": "int",
    "owner": "blob",
    "closed": "blob",
}
_COLUMNS = ", ".join(_KINDS)
_values_of_use = attrgetter(*_KINDS)


def _use(row: tuple[Any, ...]) -> UseRow:
    values = list(row)
    values[6] = UseState(values[6])
    return UseRow(*values)


# SPEC ISSUANCE-9.2.3
def uses_by_cid(tx: Transaction, cids: Sequence[bytes]) -> dict[bytes, UseRow]:
    rows = tx.select_in(f"SELECT {_COLUMNS} FROM cred_use WHERE cid {{}}", cids, "blob")
    return {row[0]: _use(row) for row in rows}


# SPEC ISSUANCE-6.5.20
def uses_by_request(tx: Transaction, digests: Sequence[bytes]) -> dict[bytes, bytes]:
    """Request hash to the cid of the credential that used it."""
    rows = tx.select_in("SELECT req, cid FROM cred_use WHERE req {}", digests, "blob")
    return {row[0]: row[1] for row in rows}


# SPEC ISSUANCE-9.2.11, ISSUANCE-5.4.3
def add_uses(tx: Transaction, rows: Sequence[UseRow]) -> None:
    tx.insert_many("cred_use", _KINDS, list(map(_values_of_use, rows)))


# SPEC ISSUANCE-8.5
def move_use(tx: Transaction, cid: bytes, old: UseState, new: UseState) -> bool:
    return tx.run("UPDATE cred_use SET state = ? WHERE cid = ? AND state = ?", (int(new), cid, int(old))) == 1


def mark_minted(tx: Transaction, cids: Sequence[bytes]) -> None:
    """USED to MINTED for rows that the caller has read in this transaction."""
    tx.update_many("cred_use", {"cid": "blob"}, {"state": "int"}, [(cid, int(UseState.MINTED)) for cid in cids])


def give_bit(tx: Transaction, cid: bytes, bit: bytes, seq: int) -> bool:
    """HELD to USED: the holder has shown the credential again."""
    changed = tx.run(
        "UPDATE cred_use SET state = ?, bit = ?, seq = ? WHERE cid = ? AND state = ?",
        (int(UseState.USED), bit, seq, cid, int(UseState.HELD)),
    )
    return changed == 1


def close_use(tx: Transaction, cid: bytes, closed: bytes) -> None:
    """Remember the signed answer to a tombstone or revocation call."""
    tx.run("UPDATE cred_use SET closed = ? WHERE cid = ? AND closed IS NULL", (closed, cid))


def replace_bit(tx: Transaction, old: bytes, new: bytes) -> None:
    """ISSUANCE-12.1.5: the unsigned bit was fixed anew under another key."""
    tx.run("UPDATE cred_use SET bit = ? WHERE bit = ?", (new, old))


def redeemed_refs(tx: Transaction, serials: Sequence[bytes]) -> set[bytes]:
    return {row[0] for row in tx.select_in("SELECT serial FROM redeemed WHERE serial {}", serials, "blob")}


def redeemed_sums(tx: Transaction, cids: Sequence[bytes]) -> dict[bytes, int]:
    """What was redeemed so far of each control bit, by credential."""
    rows = tx.select_in("SELECT cid, SUM(value) FROM redeemed WHERE cid {} GROUP BY cid", cids, "blob")
    return {row[0]: int(row[1]) for row in rows}


# SPEC ISSUANCE-9.2.11
def add_redeemed(tx: Transaction, rows: Sequence[tuple[bytes, int, bytes, bytes, int]]) -> None:
    """rows: (serial or reference, value, cid, cti of the dc-redreq, seq)"""
    kinds: Columns = {"serial": "blob", "value": "int", "cid": "blob", "ref": "blob", "seq": "int"}
    tx.insert_many("redeemed", kinds, rows)


@dataclass(frozen=True, slots=True)
class RedemptionRow:
    """The answered `dc-redreq`: its idempotency row."""

    iss: str
    cti: bytes
    hash: bytes
    receipt: bytes
    """cti of the dc-redeem"""
    currency: str
    amount: int
    issuer: str
    seq: int


def redemption(tx: Transaction, iss: str, cti: bytes) -> RedemptionRow | None:
    row = tx.one(
        "SELECT iss, cti, hash, receipt, currency, amount, issuer, seq FROM redemption WHERE iss = ? AND cti = ?",
        (iss, cti),
    )
    return RedemptionRow(*row) if row else None


def add_redemption(tx: Transaction, row: RedemptionRow) -> None:
    kinds: Columns = {
        "iss": "text",
        "cti": "blob",
        "hash": "blob",
        "receipt": "blob",
        "currency": "text",
        "amount": "int",
        "issuer": "text",
        "seq": "int",
    }
    tx.insert_many("redemption", kinds, [tuple(getattr(row, name) for name in kinds)])


# SPEC ISSUANCE-14.14
def bank_credit(tx: Transaction, bank: str, currency: str) -> int:
    """Account money that a bank can show, less what it redeemed."""
    row = tx.one(f"SELECT balance FROM bank_credit WHERE bank = ? AND currency = ?{tx.lock_suffix}", (bank, currency))
    return row[0] if row else 0


def change_bank_credit(tx: Transaction, bank: str, currency: str, change: int) -> None:
    if (
        tx.run(
            "UPDATE bank_credit SET balance = balance + ? WHERE bank = ? AND currency = ?",
            (change, bank, currency),
        )
        == 0
    ):
        tx.run("INSERT INTO bank_credit(bank, currency, balance) VALUES (?, ?, ?)", (bank, currency, change))


def add_lease(tx: Transaction, cti: bytes, bucket: str, amount: int, shard: str, seq: int) -> None:
    kinds: Columns = {"cti": "blob", "bucket": "text", "amount": "int", "shard": "text", "seq": "int"}
    tx.insert_many("lease", kinds, [(cti, bucket, amount, shard, seq)])


def lease(tx: Transaction, cti: bytes) -> tuple[str, int, str, int] | None:
    """(bucket, amount, shard, returned)"""
    row = tx.one("SELECT bucket, amount, shard, returned FROM lease WHERE cti = ?", (cti,))
    return (row[0], row[1], row[2], row[3]) if row else None


def leased_out(tx: Transaction, bucket: str) -> int:
    """What is lent of a bucket and not returned."""
    row = tx.one("SELECT COALESCE(SUM(amount - returned), 0) FROM lease WHERE bucket = ?", (bucket,))
    return int(row[0]) if row else 0


def return_lease(tx: Transaction, cti: bytes, amount: int) -> bool:
    return tx.run("UPDATE lease SET returned = ? WHERE cti = ? AND returned = 0", (amount, cti)) == 1


def add_supply(tx: Transaction, log_size: int, cti: bytes) -> None:
    if tx.one("SELECT cti FROM supply WHERE log_size = ?", (log_size,)) is None:
        tx.insert_many("supply", {"log_size": "int", "cti": "blob"}, [(log_size, cti)])


def newest_supply(tx: Transaction) -> tuple[int, bytes] | None:
    row = tx.one("SELECT log_size, cti FROM supply ORDER BY log_size DESC LIMIT 1")
    return (row[0], row[1]) if row else None


@dataclass(frozen=True, slots=True)
class CountedRow:
    """One leaf of the log that changed the supply. kind: use, redeem, cancel."""

    seq: int
    kind: str
    currency: str
    issuer: str
    amount: int
    object: bytes
    """Object hash of the leaf."""


_COUNTED: Columns = {
    "seq": "int",
    "kind": "text",
    "currency": "text",
    "issuer": "text",
    "amount": "int",
    "object": "blob",
}
_values_of_counted = attrgetter(*_COUNTED)


def add_counted(tx: Transaction, rows: Sequence[CountedRow]) -> None:
    tx.insert_many("counted", _COUNTED, list(map(_values_of_counted, rows)))


def counted_since(tx: Transaction, after: int, up_to: int) -> list[CountedRow]:
    rows = tx.all(
        "SELECT seq, kind, currency, issuer, amount, object FROM counted WHERE seq > ? AND seq <= ? ORDER BY seq",
        (after, up_to),
    )
    return [CountedRow(*row) for row in rows]


def anything_counted(tx: Transaction) -> bool:
    return tx.one("SELECT seq FROM counted LIMIT 1") is not None


def uses_by_bit(tx: Transaction, bits: Sequence[bytes]) -> dict[bytes, UseRow]:
    """Uses by the cti of their control bit."""
    rows = tx.select_in(f"SELECT {_COLUMNS} FROM cred_use WHERE bit {{}}", bits, "blob") if bits else []
    return {row[7]: _use(row) for row in rows}


def state_sums(tx: Transaction) -> dict[tuple[str, int], tuple[int, int]]:
    """(currency, state) to (number, sum of amounts) of uses."""
    rows = tx.all("SELECT currency, state, COUNT(*), SUM(amount) FROM cred_use GROUP BY currency, state")
    return {(row[0], row[1]): (int(row[2]), int(row[3])) for row in rows}
