"""Numbers of the escrow operations, of an escrow's statuses and of lock kinds; who is party to an escrow."""

from __future__ import annotations

from enum import IntEnum


class EscrowType(IntEnum):
    """Types of LEDGER section 9.5: 32 and 33 stand inside a transaction of type 3, the others in frames."""

    OPEN = 32
    TOPUP = 33
    SETTLE = 34
    CLAIM = 35
    CLOSE_REQ = 36
    COOP = 37
    LOCK_CLAIM = 38
    RESPOND = 39
    FRAUD = 40
    FINALIZE = 41


class EscrowStatus(IntEnum):
    """Where an escrow stands; an escrow that was never opened has no record."""

    OPEN = 1
    CLOSING = 2
    DISPUTE = 3
    CLOSED = 4


class LockKind(IntEnum):
    """Who holds the witness of a state's lock (MICROPAY section 3.1)."""

    OPEN = 0
    """Nobody: the state is signed without a lock."""
    CHAIN = 1
    DELIVERY = 2
    POINT = 3


class Party(IntEnum):
    """The number of a party in the payout's mask and anchor (LEDGER section 4.5)."""

    CLIENT = 0
    VENDOR = 1


class Answer(IntEnum):
    """What a client says to a lock claim."""

    RELEASE = 1
    REJECT = 2
