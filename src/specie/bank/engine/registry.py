"""The bank as issuance sees it: `Registry` of `issuance.api`, over the bank in this process or over HTTP.

An issuance system holds one to register issues; quota control holds one to check receipts over their bytes, under the
key manifest that it has verified itself (ISSUANCE-13.4.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from specie.bank.messages.registry import CANCELLED, POSTED, BankReceipt
from specie.bank.protocol.takings import KeysInForce, read
from specie.crypto import ed25519
from specie.issuance.api import Registration
from specie.issuance.errors import ReceiptInvalid
from specie.kernel.clock import Clock
from specie.kernel.errors import Refused, Unavailable

SECOND_US = 1_000_000


class Takings(Protocol):
    """The calls of BANK section 10 that a registry is made of."""

    async def register(self, registration: Registration) -> bytes: ...

    async def cancel(self, cancel: bytes, bit: bytes) -> bytes: ...

    async def receipt(self, unit_root: bytes) -> bytes | None: ...

    async def supply(self, currency: str) -> int: ...


# SPEC ISSUANCE-13.4.2
@dataclass(slots=True)
class BankRegistry:
    """One bank as a registry. keys: the manifest that the owner of this object has verified."""

    bank: str
    """The bank's system id."""
    takings: Takings
    keys: Callable[[], KeysInForce | None]
    clock: Clock

    async def register(self, registration: Registration) -> bytes:
        """Post once per credential cti; the receipt, checked. Raises what the bank refuses, Unavailable."""
        receipt = await self.takings.register(registration)
        self.check_receipt(receipt, registration.unit_root, registration.credential_cti, cancelled=False)
        return receipt

    async def cancel(self, cancel: bytes, bit: bytes) -> bytes:
        return await self.takings.cancel(cancel, bit)

    async def receipt(self, unit_root: bytes) -> bytes | None:
        return await self.takings.receipt(unit_root)

    # SPEC BANK-6.2
    # SPEC ISSUANCE-13.3.4
    def check_receipt(self, receipt: bytes, unit_root: bytes, credential_cti: bytes, *, cancelled: bool) -> None:
        """Over the bytes alone: a `bank-rcpt` by this bank's `bank:reg`. Raises ReceiptInvalid."""
        try:
            word = read(receipt, BankReceipt)
            keys = self.keys()
            if keys is None:
                raise Unavailable("there is no key manifest yet")
            entry = keys.verifiable(word.kid, ("bank:reg",), self.clock.now_us() // SECOND_US)
        except Refused as error:
            raise ReceiptInvalid(f"not a receipt of {self.bank}: {error.detail}") from error
        if entry.holder != self.bank or word.claims.iss != self.bank:
            raise ReceiptInvalid("the receipt is of another bank")
        if not ed25519.is_signature(keys.publics[word.kid], word.tbs, word.signature):
            raise ReceiptInvalid("the receipt is not signed by this bank")
        said = (word.body.status, word.body.unit_root, word.body.credential_cti)
        if said != (CANCELLED if cancelled else POSTED, unit_root, credential_cti):
            raise ReceiptInvalid("the receipt is of something else")

    def check_burn(self, proof: bytes, request: bytes) -> None:
        """Nothing burns at a bank: account money is redeemed by its posting (ISSUANCE-14.12)."""
        raise ReceiptInvalid("a bank proves no burn")

    async def supply(self, currency: str) -> int:
        return await self.takings.supply(currency)
