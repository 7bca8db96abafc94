"""An institution's intents: each redemption that was claimed here, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from specie.kernel.db import Row, Transaction


class RedemptionState(IntEnum):
    """How far a redemption has come; it goes forward only."""

    CLAIMED = 0
    """The token is known; nothing was burned yet, as far as we have seen."""
    ASKED = 1
    """The burn is there; the dc-redreq is fixed, and the operation 18 too."""
    PAID = 2
    """The operation 18 is final: this burn can only be redeemed now."""
    DONE = 3
    """Quota control gave the quota back."""
    REFUNDED = 4
    """We refused: the ledger gave the value back."""


@dataclass(frozen=True, slots=True)
class RedemptionRow:
    """One redemption."""

    withdraw_ref: bytes
    token: bytes
    amount: int
    """Minor units."""
    beneficiary: str
    made_us: int
    state: RedemptionState
    request: bytes | None = None
    """dc-redreq, signed once."""
    frame: bytes | None = None
    """Operation 18 or 19, the same bytes at every attempt."""
    receipt: bytes | None = None
    """dc-redeem"""
    detail: str = ""
    """The last refusal, for people."""

    @property
    def is_refusal(self) -> bool:
        """We gave the value back, or are about to; else we redeem it."""
        return self.request is None and self.state != RedemptionState.CLAIMED


_COLUMNS = "withdraw_ref, token, amount, beneficiary, made_us, state, request, frame, receipt, detail"


def add(tx: Transaction, row: RedemptionRow) -> None:
    """A new offer. Raises UniqueViolation."""
    values = (row.withdraw_ref, row.token, row.amount, row.beneficiary, row.made_us, int(row.state))
    tx.run(
        f"INSERT INTO redemption({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, row.request, row.frame, row.receipt, row.detail),
    )


def replace(tx: Transaction, old: RedemptionRow, row: RedemptionRow) -> bool:
    """Move a redemption on; False where another call has moved it before."""
    values = (int(row.state), row.amount, row.request, row.frame, row.receipt, row.detail)
    changed = tx.run(
        "UPDATE redemption SET state = ?, amount = ?, request = ?, frame = ?, receipt = ?, detail = ? "
        "WHERE withdraw_ref = ? AND state = ? AND COALESCE(frame, ?) = ?",
        (*values, row.withdraw_ref, int(old.state), b"", old.frame or b""),
    )
    return changed == 1


def find(tx: Transaction, withdraw_ref: bytes) -> RedemptionRow | None:
    """One redemption."""
    row = tx.one(f"SELECT {_COLUMNS} FROM redemption WHERE withdraw_ref = ?", (withdraw_ref,))
    return None if row is None else _row(row)


def open_ones(tx: Transaction) -> list[RedemptionRow]:
    """What is not done, oldest first."""
    rows = tx.all(f"SELECT {_COLUMNS} FROM redemption WHERE state < 3 ORDER BY made_us, withdraw_ref")
    return [_row(row) for row in rows]


def all_rows(tx: Transaction) -> list[RedemptionRow]:
    """Everything that was ever claimed, oldest first."""
    return [_row(row) for row in tx.all(f"SELECT {_COLUMNS} FROM redemption ORDER BY made_us, withdraw_ref")]


def _row(values: Row) -> RedemptionRow:
    reference, token, amount, beneficiary, made_us, state, *rest = values
    return RedemptionRow(reference, token, amount, beneficiary, made_us, RedemptionState(state), *rest)
