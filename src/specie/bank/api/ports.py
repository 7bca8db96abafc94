"""What the bank needs of the rooms to its right beyond their `api`: declared here, wired by the composition.

`Treasury` is the bank's own wallet on the ledger, `Chain` the ledger as a light verifier sees it. Both prove what they
say under the pinned genesis document before the bank hears it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from specie.issuance.api import Parcel
from specie.ledger.messages.state import WithdrawalState

RedeemAtQuotaControl = Callable[[Parcel], Awaitable[bytes]]
"""dc-redreq to dc-redeem."""

SignEvent = Callable[[bytes], Awaitable[bytes]]
"""An event of reputation to its signature by `bank:grant`: BIP-340 over the event's id."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An output that came to the bank and is final. Change is never one (BANK-3.7)."""

    name: bytes
    """SHA-256(R || P) of the output."""
    subaddress: str
    """How the treasury names the subaddress that it pays."""
    amount: int
    """Minor units."""


class FateState(StrEnum):
    """What became of an outgoing transaction."""

    NONE = "none"
    """None was built under this key."""
    OPEN = "open"
    FINAL = "final"
    DEAD = "dead"
    """The ledger proves that it can never become final (BANK-3.4)."""


@dataclass(frozen=True, slots=True)
class Fate:
    """Where an outgoing transaction stands."""

    state: FateState
    fee: int = 0
    """What the ledger took for it, minor units."""
    detail: str = ""


@runtime_checkable
class Treasury(Protocol):
    """The bank's wallet on the ledger, for one currency."""

    @property
    def currency(self) -> str:
        """What its chain carries."""

    async def address(self, name: str) -> tuple[str, bytes]:
        """A fresh subaddress: (its name in `Arrival`, the address)."""

    async def price(self, address: bytes, amount: int) -> int:
        """The fee of a payment now. Raises ReserveLow, Malformed (the address)."""

    async def send(self, key: str, address: bytes, amount: int) -> None:
        """Build the payment of this key once, store its bytes, send them; the same bytes again at every further call.

        Raises ReserveLow, where nothing was built; Unavailable where its fate is not known.
        """

    async def fate(self, key: str) -> Fate:
        """What became of the payment of this key."""

    async def arrivals(self) -> Sequence[Arrival]:
        """Everything that came and is final, oldest first."""

    async def unspent(self) -> int:
        """The sum of all unspent outputs, minor units; those that an open payment spends count until it is final."""


@runtime_checkable
class Chain(Protocol):
    """The ledger, with proofs checked."""

    @property
    def chain_id(self) -> bytes: ...

    @property
    def currency(self) -> str: ...

    async def height(self) -> int: ...

    async def withdrawal(self, reference: bytes) -> WithdrawalState | None:
        """What the state says of a withdrawal. Raises ProofInvalid."""

    async def submit(self, frame: bytes) -> bool:
        """Send an operation; True once it is final and proven. Raises what the ledger refuses."""

    async def anchored(self, topic: int, source: str) -> tuple[int, bytes] | None:
        """(size, root) of the last anchor of a log, proven."""
