"""Holds, outgoing payments and other intents, as their callers see them (BANK section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class HoldState(IntEnum):
    """HELD, then exactly one of the others."""

    HELD = 0
    CAPTURED = 1
    RELEASED = 2
    LAPSED = 3


@dataclass(frozen=True, slots=True)
class Hold:
    """A part of a balance that is promised to somebody; it moves nothing."""

    ref: bytes
    account: str
    amount: int
    until_s: int
    state: HoldState
    captured: int = 0
    """What was taken when it was captured, at most the amount."""


class OutState(IntEnum):
    """How far an outgoing payment has come."""

    STARTED = 0
    """Debited; the transaction is perhaps built and perhaps sent."""
    DONE = 1
    BACK = 2
    """It can never become final: the customer has the money again."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Value on its way out to the ledger."""

    id: bytes
    account: str
    currency: str
    amount: int
    fee: int
    """What was debited for the ledger's fee, minor units."""
    address: bytes
    state: OutState
    at_s: int
    detail: str = ""


class BurnState(IntEnum):
    """How far a withdrawal from the ledger to an account has come."""

    CLAIMED = 0
    ASKED = 1
    """The burn is there, and operation 18 is fixed."""
    PAID = 2
    """Operation 18 is final: the account can only be credited now."""
    DONE = 3
    REFUNDED = 4
    """The ledger gave the value back to whoever burned it."""


@dataclass(frozen=True, slots=True)
class Burn:
    """A withdrawal from the ledger for an account of this bank."""

    withdraw_ref: bytes
    token: bytes
    account: str
    currency: str
    amount: int
    state: BurnState
    at_s: int
    frame: bytes = b""
    detail: str = ""


class RedeemState(IntEnum):
    """How far a redemption of account money has come."""

    POSTED = 0
    """Off the account; the dc-redreq is perhaps sent."""
    DONE = 1


@dataclass(frozen=True, slots=True)
class Redeeming:
    """Account money on its way back to quota control."""

    cti: bytes
    account: str
    currency: str
    amount: int
    issuer: str
    beneficiary: str
    posting: int
    state: RedeemState
    at_s: int
    request: bytes = b""
    """dc-redreq, the same bytes at every attempt."""
    receipt: bytes = b""
    """dc-redeem."""
    detail: str = ""
