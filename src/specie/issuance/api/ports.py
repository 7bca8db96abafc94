"""What issuance needs of the rooms to its left, declared here and implemented there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Registration:
    """One issue on its way into a registry (ISSUANCE-13.4.3): the credential cti is its id."""

    credential_cti: bytes
    bit: bytes
    order: bytes
    """dc-acct in the account model; the units' list, CBOR, in the token model."""
    unit_root: bytes
    currency: str
    amount: int
    address: bytes = b""


# SPEC ISSUANCE-13.4.1
@runtime_checkable
class Registry(Protocol):
    """What issuance needs of the room that takes the issued value in; the ledger and the bank implement it."""

    async def register(self, registration: Registration) -> bytes:
        """Take the value in, once per credential cti; the receipt."""

    async def cancel(self, cancel: bytes, bit: bytes) -> bytes:
        """Enter the unit root as cancelled, unless it is registered; the receipt."""

    async def receipt(self, unit_root: bytes) -> bytes | None:
        """The receipt of what happened to this root, if anything did."""

    # SPEC ISSUANCE-13.4.4
    def check_receipt(self, receipt: bytes, unit_root: bytes, credential_cti: bytes, *, cancelled: bool) -> None:
        """Pure, over the bytes: does the receipt prove it? Raises Refused."""

    def check_burn(self, proof: bytes, request: bytes) -> None:
        """Pure, over the bytes: was this value destroyed for exactly this dc-redreq? Raises Refused."""

    async def supply(self, currency: str) -> int:
        """The registry's own figure in I6, in minor units."""


@dataclass(frozen=True, slots=True)
class RegistryBooks:
    """What a registry's own data say, item by item, in minor units: the terms of DESIGN section 3 that it knows."""

    hidden: int
    """H: value of all unspent outputs."""
    escrowed: int
    """E: open escrows."""
    registered: Mapping[bytes, int]
    """Unit root to the amount that was taken in."""
    pending: Mapping[bytes, int] = field(default_factory=dict)
    """T2: burns that are neither paid nor refunded, by reference."""
    to_accounts: Mapping[bytes, int] = field(default_factory=dict)
    """Burns that were paid to a bank account, by reference; T3 where the bank has not booked them."""
    redeemed: Mapping[bytes, int] = field(default_factory=dict)
    """Burns that were recorded as redeemed, by reference; T4 where quota control has not seen them."""


@runtime_checkable
class Booked(Protocol):
    """A registry whose data an audit can read item by item."""

    async def books(self, currency: str) -> RegistryBooks:
        """Raises Unavailable where its data are not at hand, and whatever is wrong with them."""


# SPEC ISSUANCE-13.4.5
@runtime_checkable
class Anchor(Protocol):
    """Where checkpoints are anchored: an operation of the ledger."""

    async def anchor(self, topic: int, source: str, size: int, root: bytes, signature: bytes) -> None:
        """Anchor size and root of a log; the same once more changes nothing."""
