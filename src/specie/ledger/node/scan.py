"""The scan service of mode T0: which outputs carry the tag of a detection key (LEDGER §11.4, §21.6).

It gets k_d only, which tells for ever which outputs belong to a wallet, and no amounts (LEDGER-11.4.5, LEDGER-11.4.7).
"""

from __future__ import annotations

import asyncio

from specie.crypto.ring import WalletKeys
from specie.kernel.errors import Refused
from specie.ledger.api import Ledger
from specie.ledger.errors import NonCanonical, Overloaded, Unknown
from specie.ledger.messages.bulk import CompactBlocks
from specie.ledger.messages.sealed import ScanRequest

BLOCKS_AT_ONCE = 1000
SCANS_AT_ONCE = 2
"""One scan takes all cores; more at a time only make all of them late."""

WAITING_MAX = 32


class ScanService:
    """Looks through compact blocks. Keeps nothing of a request."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turns = asyncio.Semaphore(SCANS_AT_ONCE)
        self._waiting = 0

    async def answer(self, request: ScanRequest) -> list[int]:
        """Global indices of all outputs whose tag matches, ascending; one in 2^24 of others' outputs is among them.

        Raises, in this order: NonCanonical (a key that is none), Overloaded, Unknown (a height that is not there yet).
        """
        try:
            keys = WalletKeys.from_detect(request.detection_key)
        except Refused as error:
            raise NonCanonical("this is no detection key") from error
        if self._waiting >= WAITING_MAX:
            raise Overloaded("too many scans are waiting")
        self._waiting += 1
        try:
            async with self._turns:
                return await self._scan(keys, request.first, request.last)
        finally:
            self._waiting -= 1

    async def _scan(self, keys: WalletKeys, first: int, last: int) -> list[int]:
        if last > (await self._ledger.status()).height:
            raise Unknown("the chain has not come to that height yet")
        found: list[int] = []
        for start in range(first, last + 1, BLOCKS_AT_ONCE):
            count = min(BLOCKS_AT_ONCE, last + 1 - start)
            compact = CompactBlocks.decode(await self._ledger.compact(start, count))
            found += await asyncio.to_thread(detect, keys, compact)
        return found


def detect(keys: WalletKeys, compact: CompactBlocks) -> list[int]:
    """Global indices of the matching outputs of some blocks, ascending."""
    groups = [(group.ctx, group.candidates) for block in compact.blocks for group in block.groups]
    matches = iter(keys.detect(groups))
    found = []
    for block in compact.blocks:
        index = block.first_index
        for group in block.groups:
            found += [index + place for place in next(matches)]
            index += group.count
    return found
