"""What a bank's books add up to: the terms of the supply equation that it knows (DESIGN section 3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pool:
    """The terms of one currency, minor units, at one place of the journal."""

    currency: str
    reserve: int
    """R: ledger outputs, as booked."""
    issued: int
    """G: account money."""
    accounts: int
    """D: all credit accounts but `coins` and `transit`."""
    coins: int
    """C, with the open e-cash intents."""
    transit: int
    """T6."""
    size: int
    """Number of the last posting."""
    hash: bytes
    at_s: int
