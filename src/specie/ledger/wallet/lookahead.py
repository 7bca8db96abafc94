"""The table of subaddresses by which outputs are recognised, kept ahead of those in use: 200 places, 50 accounts."""

from __future__ import annotations

import asyncio

from specie.crypto.ring import WalletKeys
from specie.kernel.db import Database, Transaction
from specie.ledger.wallet.store import holding

PLACES_AHEAD = 200
ACCOUNTS_AHEAD = 50


class LookAhead:
    """Grows the table of one wallet's open keys; it is not stored."""

    def __init__(self, database: Database, keys: WalletKeys) -> None:
        self._database = database
        self._keys = keys
        self._extended: dict[int, int] = {}

    async def extend(self) -> None:
        """Bring the table ahead of every place that was given or has received."""

        def used(tx: Transaction) -> dict[int, int]:
            accounts = holding.accounts_used(tx) - 1 + ACCOUNTS_AHEAD
            return {account: holding.places_used(tx, account) for account in range(accounts)}

        for account, places in (await self._database.read(used)).items():
            wanted = places + PLACES_AHEAD
            if self._extended.get(account, 0) < wanted:
                await asyncio.to_thread(self._keys.extend, account, wanted)
                self._extended[account] = wanted
