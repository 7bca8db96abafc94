"""A statement of account: what it shows, and what is signed (BANK section 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from specie.bank.messages.postings import Kind, Side
from specie.issuance.messages.wire import Body, currency, hash32, text, time_s, uint, wire


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a statement."""

    posting: int
    at_s: int
    kind: Kind
    ref: bytes
    side: Side
    amount: int
    other: str
    """The other side, where the owner may know it; else the type of the account."""
    balance: int
    """After this line."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A hold at the end of the period."""

    ref: bytes
    amount: int
    until_s: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A period from one time up to, not including, another."""

    account: str
    currency: str
    from_s: int
    to_s: int
    opening: int
    rows: tuple[Row, ...]
    holds: tuple[Promise, ...]
    closing: int
    position: int
    """Number of the journal's last posting before the end of the period."""
    hash: bytes
    """And its hash."""


@dataclass(frozen=True, slots=True)
class StatementWord(Body):
    """`bank-stmt`: what `bank:reg` signs of a statement."""

    typ: ClassVar[str] = "bank-stmt"
    account: str = wire(1, text(64))
    currency: str = wire(2, currency)
    from_s: int = wire(3, time_s)
    to_s: int = wire(4, time_s)
    rows: bytes = wire(5, hash32)
    """SHA-256 of the canonical rows."""
    opening: int = wire(6, uint(2**62))
    closing: int = wire(7, uint(2**62))
    position: int = wire(8, uint())
    hash: bytes = wire(9, hash32)
