"""Rows of an issuance system: issues, units, redemptions it passes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from typing import Any

from specie.kernel.db import Columns, Transaction


class IssueState(IntEnum):
    """ISSUANCE-8.3."""

    NEW = 0
    REQUESTED = 1
    CREDENTIALED = 2
    BIT = 3
    MINTED = 4
    REGISTERED = 5
    RELEASED = 6
    DENIED = 7
    ABANDONED = 8


class UnitState(IntEnum):
    """ISSUANCE-8.4."""

    ACTIVE = 0
    FROZEN = 1
    REDEEMED = 2
    DESTROYED = 3


@dataclass(frozen=True, slots=True)
class IssueRow:
    """One issue through the six steps."""

    id: bytes
    cti: bytes
    state: IssueState
    currency: str
    amount: int
    model: int
    request: bytes
    request_hash: bytes
    credential: bytes | None = None
    """cti of the credential"""
    credential_hash: bytes | None = None
    sealed: bytes | None = None
    credential_exp: int | None = None
    presentation: bytes | None = None
    bit: bytes | None = None
    bit_cti: bytes | None = None
    unit_root: bytes | None = None
    receipt: bytes | None = None
    address: bytes | None = None
    denial: bytes | None = None
    code: str | None = None
    detail: str | None = None
    at_us: int = 0


_KINDS: Columns = {
    "id": "blob",
    "cti": "blob",
    "state": "int",
    "currency": "text",
    "amount": "int",
    "model": "int",
    "request": "blob",
    "request_hash": "blob",
    "credential": "blob",
    "credential_hash": "blob",
    "sealed": "blob",
    "credential_exp": "int",
    "presentation": "blob",
    "bit": "blob",
    "bit_cti": "blob",
    "unit_root": "blob",
    "receipt": "blob",
    "address": "blob",
    "denial": "blob",
    "code": "text",
    "detail": "text",
    "at_us": "int",
}
_COLUMNS = ", ".join(_KINDS)
_values_of_issue = attrgetter(*_KINDS)


def _issue(row: tuple[Any, ...]) -> IssueRow:
    return IssueRow(row[0], row[1], IssueState(row[2]), *row[3:])


# SPEC ISSUANCE-6.1.1
def add_issues(tx: Transaction, rows: Sequence[IssueRow]) -> None:
    tx.insert_many("issue", _KINDS, list(map(_values_of_issue, rows)))


def issue(tx: Transaction, ident: bytes) -> IssueRow | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM issue WHERE id = ?", (ident,))
    return _issue(row) if row else None


def issues(tx: Transaction, idents: Sequence[bytes]) -> dict[bytes, IssueRow]:
    rows = tx.select_in(f"SELECT {_COLUMNS} FROM issue WHERE id {{}}", idents, "blob")
    return {row[0]: _issue(row) for row in rows}


def states_of(tx: Transaction, idents: Sequence[bytes]) -> dict[bytes, IssueState]:
    """Where these issues stand."""
    rows = tx.select_in("SELECT id, state FROM issue WHERE id {}", idents, "blob")
    return {row[0]: IssueState(row[1]) for row in rows}


def issue_by_credential(tx: Transaction, cti: bytes) -> IssueRow | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM issue WHERE credential = ?", (cti,))
    return _issue(row) if row else None


def open_issues(tx: Transaction, before_us: int, limit: int) -> list[IssueRow]:
    """Issues that are under way and were begun before this time."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM issue WHERE state < 6 AND at_us <= ? ORDER BY at_us LIMIT ?",
        (before_us, limit),
    )
    return [_issue(row) for row in rows]


def list_issues(tx: Transaction, limit: int) -> list[IssueRow]:
    return [_issue(row) for row in tx.all(f"SELECT {_COLUMNS} FROM issue ORDER BY at_us DESC LIMIT ?", (limit,))]


_MOVING = (
    "state",
    "credential",
    "credential_hash",
    "sealed",
    "credential_exp",
    "presentation",
    "bit",
    "bit_cti",
    "unit_root",
    "receipt",
    "denial",
    "code",
    "detail",
)
_MOVING_KINDS: Columns = {name: _KINDS[name] for name in _MOVING}
_values_moving = attrgetter(*_MOVING)
_MOVE = f"UPDATE issue SET {', '.join(f'{name} = ?' for name in _MOVING)} WHERE id = ? AND state = ?"


# SPEC ISSUANCE-8.5
def replace_issue(tx: Transaction, old: IssueState, row: IssueRow) -> bool:
    """Move an issue; False where it is no longer in the old state."""
    values = [getattr(row, name) for name in _MOVING]
    values[0] = int(row.state)
    return tx.run(_MOVE, (*values, row.id, int(old))) == 1


def replace_issues(tx: Transaction, rows: Sequence[tuple[IssueState, IssueRow]]) -> int:
    """The same for a set, in one statement; returns how many moved."""
    return tx.update_many(
        "issue",
        {"id": "blob", "state": "int"},
        _MOVING_KINDS,
        [(row.id, int(old), *_values_moving(row)) for old, row in rows],
    )


def add_units(tx: Transaction, rows: Sequence[tuple[bytes, bytes, int, int, int, bytes]]) -> None:
    """rows: (serial, issue, place, value, state, data)"""
    kinds: Columns = {
        "serial": "blob",
        "issue": "blob",
        "place": "int",
        "value": "int",
        "state": "int",
        "data": "blob",
    }
    tx.insert_many("unit", kinds, rows)


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit and where it stands."""

    serial: bytes
    issue: bytes
    place: int
    value: int
    state: UnitState
    data: bytes


def units_by_serial(tx: Transaction, serials: Sequence[bytes]) -> dict[bytes, UnitRow]:
    rows = tx.select_in("SELECT serial, issue, place, value, state, data FROM unit WHERE serial {}", serials, "blob")
    return {r[0]: UnitRow(r[0], r[1], r[2], r[3], UnitState(r[4]), r[5]) for r in rows}


def units_of_issue(tx: Transaction, ident: bytes) -> list[UnitRow]:
    rows = tx.all("SELECT serial, issue, place, value, state, data FROM unit WHERE issue = ? ORDER BY place", (ident,))
    return [UnitRow(r[0], r[1], r[2], r[3], UnitState(r[4]), r[5]) for r in rows]


# SPEC ISSUANCE-8.4, ISSUANCE-8.5
def move_unit(tx: Transaction, serial: bytes, old: UnitState, new: UnitState) -> bool:
    return tx.run("UPDATE unit SET state = ? WHERE serial = ? AND state = ?", (int(new), serial, int(old))) == 1


def unit_sums(tx: Transaction) -> dict[tuple[str, int], int]:
    """(currency, unit state) to the sum of values, over units made."""
    rows = tx.all(
        "SELECT issue.currency, unit.state, SUM(unit.value) FROM unit JOIN issue ON issue.id = unit.issue"
        " GROUP BY issue.currency, unit.state"
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def frozen_serials(tx: Transaction) -> list[bytes]:
    rows = tx.all("SELECT serial FROM unit WHERE state = ? ORDER BY serial", (int(UnitState.FROZEN),))
    return [row[0] for row in rows]


def has_freeze(tx: Transaction, digest: bytes) -> bool:
    """Was this word of an officer taken in before?"""
    return tx.one("SELECT hash FROM unit_freeze WHERE hash = ?", (digest,)) is not None


def add_freeze(tx: Transaction, digest: bytes, serial: bytes, action: int, data: bytes) -> None:
    kinds: Columns = {"hash": "blob", "serial": "blob", "action": "int", "data": "blob"}
    tx.insert_many("unit_freeze", kinds, [(digest, serial, action, data)])


@dataclass(frozen=True, slots=True)
class RedemptionRow:
    """A `dc-redreq` on its way to quota control. state: 0 under way, 1 done, 2 refused."""

    iss: str
    cti: bytes
    hash: bytes
    data: bytes
    parcel: bytes
    state: int
    receipt: bytes | None


def redemption(tx: Transaction, iss: str, cti: bytes) -> RedemptionRow | None:
    row = tx.one(
        "SELECT iss, cti, hash, data, parcel, state, receipt FROM redemption WHERE iss = ? AND cti = ?",
        (iss, cti),
    )
    return RedemptionRow(*row) if row else None


def open_redemptions(tx: Transaction, limit: int) -> list[RedemptionRow]:
    rows = tx.all(
        "SELECT iss, cti, hash, data, parcel, state, receipt FROM redemption WHERE state = 0 ORDER BY cti LIMIT ?",
        (limit,),
    )
    return [RedemptionRow(*row) for row in rows]


def add_redemption(tx: Transaction, row: RedemptionRow) -> None:
    kinds: Columns = {
        "iss": "text",
        "cti": "blob",
        "hash": "blob",
        "data": "blob",
        "parcel": "blob",
        "state": "int",
    }
    tx.insert_many("redemption", kinds, [(row.iss, row.cti, row.hash, row.data, row.parcel, row.state)])


def drop_redemption(tx: Transaction, iss: str, cti: bytes) -> None:
    """Forget a redemption that quota control refused: nothing came of it."""
    tx.run("DELETE FROM redemption WHERE iss = ? AND cti = ? AND state = 0", (iss, cti))


def finish_redemption(tx: Transaction, iss: str, cti: bytes, state: int, receipt: bytes) -> bool:
    changed = tx.run(
        "UPDATE redemption SET state = ?, receipt = ? WHERE iss = ? AND cti = ? AND state = 0",
        (state, receipt, iss, cti),
    )
    return changed == 1
