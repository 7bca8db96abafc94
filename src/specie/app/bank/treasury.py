"""`bank.api.Treasury` over a wallet of the ledger.

The wallet writes a payment down under its key before it is sent and sends the same bytes again; what it calls final or
over it has proven itself. A payment that a node refused may still be taken by another, so it is not dead before its
expiry height has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from specie.bank.api import Arrival, Fate, FateState
from specie.bank.errors import Malformed, ReserveLow
from specie.kernel.errors import Refused
from specie.ledger.errors.holder import FundsInsufficient
from specie.ledger.messages.address import Address
from specie.ledger.messages.outputs import Output
from specie.ledger.wallet.building import Wish
from specie.ledger.wallet.store import outputs, payments
from specie.ledger.wallet.store.payments import Payment
from specie.ledger.wallet.wallet import Wallet


@dataclass(slots=True)
class WalletTreasury:
    """The reserve of one currency. Nobody else may pay out of this wallet."""

    wallet: Wallet

    @property
    def currency(self) -> str:
        return self.wallet.chain.genesis.currency

    async def address(self, name: str) -> tuple[str, bytes]:
        """A fresh subaddress; place 0, where change goes, is never given out (BANK-3.7)."""
        issued, address = await self.wallet.receive(name)
        return f"{issued.account}.{issued.place}", address.data

    async def price(self, address: bytes, amount: int) -> int:
        """Raises Malformed, ReserveLow."""
        await self.wallet.sync()
        try:
            return await self.wallet.dry_run(self._wish(address, amount), merge=True)
        except FundsInsufficient as error:
            raise ReserveLow("the bank's outputs do not carry this now") from error

    # SPEC BANK-4.6
    async def send(self, key: str, address: bytes, amount: int) -> None:
        """Raises ReserveLow, Unavailable, what the ledger refuses."""
        await self.wallet.sync()
        known = await self._payment(key)
        if known is not None and not known.is_open:
            return
        try:
            await self.wallet.carry_out(self._wish(address, amount), key, merge=True)
        except FundsInsufficient as error:
            raise ReserveLow("the bank's outputs do not carry this now") from error

    # SPEC BANK-3.4
    async def fate(self, key: str) -> Fate:
        """What became of a payment, as far as this wallet has read the ledger."""
        await self.wallet.sync()
        known = await self._payment(key)
        if known is None:
            return Fate(FateState.NONE)
        if known.state == payments.FINAL:
            return Fate(FateState.FINAL, known.fee)
        height = (await self.wallet.standing()).height or 0
        over = known.state == payments.REFUSED and height >= known.expiry_height
        if known.state == payments.EXPIRED or over:
            return Fate(FateState.DEAD, known.fee, known.code or "it expired")
        return Fate(FateState.OPEN, known.fee, known.code or "")

    async def arrivals(self) -> Sequence[Arrival]:
        """Every output that came from somebody else, and is final."""
        await self.wallet.sync()
        found = []
        for each in await self.wallet.outputs():
            if each.status == outputs.OURS and not each.own and each.value:
                output = Output(each.data)
                name = sha256(output.R + output.P).digest()
                found.append(Arrival(name, f"{each.account}.{each.place}", each.value))
        return found

    async def unspent(self) -> int:
        await self.wallet.sync()
        return sum(each.value for each in await self.wallet.database.read(outputs.unspent))

    def _wish(self, address: bytes, amount: int) -> Wish:
        """Raises Malformed."""
        try:
            return self.wallet.wish([(Address.decode(address), amount, "")])
        except Refused as error:
            raise Malformed(f"not an address of this ledger: {error.detail}") from error

    async def _payment(self, key: str) -> Payment | None:
        return await self.wallet.database.read(lambda tx: payments.payment_of_key(tx, key))
