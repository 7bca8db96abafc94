"""Whole tables, read for the audit: as they stand, judged elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from specie.issuance.store.central_management import (
    ApprovalRow,
    CredentialRow,
    CredentialState,
    EnrolmentRow,
    RequestRow,
    RequestState,
)
from specie.issuance.store.issuance_system import IssueRow, IssueState, UnitRow, UnitState
from specie.issuance.store.issuance_system import RedemptionRow as PassedRow
from specie.issuance.store.journal import ObjectRow
from specie.issuance.store.quota_control import CountedRow, RedemptionRow, UseRow, UseState
from specie.kernel.db import Transaction

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LogRow:
    """A leaf with the columns beside it."""

    seq: int
    prev: bytes
    leaf: bytes
    body: bytes
    object: bytes


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A signed checkpoint."""

    size: int
    note: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message, sent or not."""

    topic: str
    key: bytes
    body: bytes
    sent: int | None


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """An accepted policy."""

    version: int
    hash: bytes
    data: bytes
    accepted_us: int
    delay_s: int


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """An accepted key manifest."""

    version: int
    hash: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class PauseRow:
    """A pause, in force or lifted."""

    hash: bytes
    scope: str
    data: bytes
    lifted_by: bytes | None


@dataclass(frozen=True, slots=True)
class ReserveRow:
    """An attestation."""

    custodian: str
    currency: str
    amount: int
    as_of: int
    hash: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class BucketRow:
    """A bucket, every column that counts."""

    id: int
    key: str
    name: str
    kind: int
    cap: int
    reserved: int
    used: int
    level: int
    lowered: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One line of a bucket's journal."""

    bucket: int
    seq: int
    cid: bytes
    d_used: int
    d_reserved: int


@dataclass(frozen=True, slots=True)
class ReturnedRow:
    """Stock that central management took back."""

    ref: bytes
    kind: str
    currency: str
    iss: str
    amount: int
    seq: int


@dataclass(frozen=True, slots=True)
class RedeemedRow:
    """One serial or reference that was redeemed."""

    serial: bytes
    value: int
    cid: bytes
    ref: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class BankCreditRow:
    """What a bank may redeem."""

    bank: str
    currency: str
    balance: int


@dataclass(frozen=True, slots=True)
class SupplyRow:
    """Which statement speaks of which log size."""

    log_size: int
    cti: bytes


@dataclass(frozen=True, slots=True)
class FreezeRow:
    """A unit frozen or let go."""

    hash: bytes
    serial: bytes
    action: int
    data: bytes


_ENUMS: Mapping[type[Any], Mapping[str, Callable[[int], Any]]] = {
    RequestRow: {"state": RequestState},
    CredentialRow: {"state": CredentialState},
    UseRow: {"state": UseState},
    IssueRow: {"state": IssueState},
    UnitRow: {"state": UnitState},
}
JOURNAL: Mapping[str, tuple[type[Any], str]] = {
    "log": (LogRow, "seq"),
    "checkpoint": (CheckpointRow, "size"),
    "object": (ObjectRow, "cti"),
    "outbox": (OutboxRow, "id"),
    "policy": (PolicyRow, "version"),
    "manifest": (ManifestRow, "version"),
    "pause": (PauseRow, "hash"),
    "reserve": (ReserveRow, "hash"),
}
BUCKETS: Mapping[str, tuple[type[Any], str]] = {"bucket": (BucketRow, "id"), "entry": (EntryRow, "seq, bucket")}
CENTRAL_MANAGEMENT: Mapping[str, tuple[type[Any], str]] = {
    **JOURNAL,
    **BUCKETS,
    "request": (RequestRow, "cti"),
    "credential": (CredentialRow, "cti"),
    "approval": (ApprovalRow, "hash"),
    "enrolment": (EnrolmentRow, "hash"),
    "returned": (ReturnedRow, "seq"),
}
QUOTA_CONTROL: Mapping[str, tuple[type[Any], str]] = {
    **JOURNAL,
    **BUCKETS,
    "cred_use": (UseRow, "seq"),
    "redeemed": (RedeemedRow, "seq, serial"),
    "redemption": (RedemptionRow, "seq"),
    "bank_credit": (BankCreditRow, "bank, currency"),
    "counted": (CountedRow, "seq"),
    "supply": (SupplyRow, "log_size"),
}
ISSUANCE_SYSTEM: Mapping[str, tuple[type[Any], str]] = {
    **JOURNAL,
    "issue": (IssueRow, "at_us, id"),
    "unit": (UnitRow, "issue, place"),
    "redemption": (PassedRow, "cti"),
    "unit_freeze": (FreezeRow, "hash"),
}


def table(tx: Transaction, name: str, kind: type[R], order: str) -> list[R]:
    """Every row of a table, as instances of `kind`, whose fields are the columns. Raises ValueError for a state that
    does not exist."""
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    rows = tx.all(f"SELECT {', '.join(names)} FROM {name} ORDER BY {order}")
    converts = [(names.index(column), convert) for column, convert in _ENUMS.get(kind, {}).items()]
    if not converts:
        return [kind(*row) for row in rows]
    answer = []
    for row in rows:
        values = list(row)
        for place, convert in converts:
            values[place] = convert(values[place])
        answer.append(kind(*values))
    return answer


def tables(tx: Transaction, wanted: Mapping[str, tuple[type[Any], str]]) -> dict[str, list[Any]]:
    """Several tables at one moment."""
    return {name: table(tx, name, kind, order) for name, (kind, order) in wanted.items()}
