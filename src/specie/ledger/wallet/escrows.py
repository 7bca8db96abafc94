"""What a wallet does for escrows besides funding them: addresses that they pay to, and the signature of a top-up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from specie.crypto.ring import WalletKeys
from specie.kernel.clock import Randomness
from specie.kernel.db import Database, Transaction
from specie.ledger.errors import ViewOnly
from specie.ledger.messages.address import Address
from specie.ledger.wallet.store import holding
from specie.ledger.wallet.store.holding import Issued

Receive = Callable[[str, int], Awaitable[tuple[Issued, Address]]]


class EscrowSide:
    """One wallet as a party of escrows."""

    def __init__(self, database: Database, keys: WalletKeys, receive: Receive, randomness: Randomness) -> None:
        self._database = database
        self._keys = keys
        self._receive = receive
        self._randomness = randomness

    # SPEC LEDGER-4.5.1
    async def payout_address(self, cid: bytes, account: int = 0) -> tuple[Issued, bytes]:
        """The address (96 bytes) that an escrow pays to: one each, since everybody can see what is paid to it."""
        name = f"escrow {cid.hex()}"
        for issued in await self._database.read(lambda tx: holding.issued(tx, account)):
            if issued.name == name:
                return issued, bytes(self._keys.address(issued.account, issued.place))
        issued, address = await self._receive(name, account)
        return issued, address.pay

    # SPEC LEDGER-9.6.12
    async def is_own(self, pay: bytes) -> bool:
        """Whether a payout address (96 bytes) is one that this wallet gave out: ask before an escrow is counted on."""

        def given(tx: Transaction) -> list[tuple[int, int]]:
            return [*holding.names_of_addresses(tx), *((account, 0) for account, _ in holding.accounts(tx))]

        places = await self._database.read(given)
        return any(self._keys.address(account, place) == pay for account, place in places)

    def sign_topup(self, issued: Issued, items: Sequence[bytes]) -> bytes:
        """sig_W of a TOPUP by the payout address of its escrow: 64 bytes. Raises ViewOnly."""
        if self._keys.tier != "spend":
            raise ViewOnly("a top-up is signed by the spend key")
        random = self._randomness.bytes(32)
        return bytes(self._keys.prove_topup(issued.account, issued.place, list(items), random))
