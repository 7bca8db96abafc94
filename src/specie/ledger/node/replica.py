"""A copy of the output log, so that a trusted node asks nobody for single outputs.

It is filled by whole pages: the verification node that serves them learns that a trusted node is there, and nothing of
the rings it is asked for (LEDGER-21.4.1). Every size that is answered for is checked against a header's out_root.
"""

from __future__ import annotations

import asyncio

from specie.crypto.trees import OutputTable
from specie.ledger.api import Ledger
from specie.ledger.errors import ProofInvalid, Unknown
from specie.ledger.messages.bulk import PAGE_OUTPUTS, LoggedOutput, OutputPage
from specie.ledger.messages.header import Header

_ROOTS_KEPT = 4096


class LogReplica:
    """`rings.OutputLog` over any `api.Ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._table = OutputTable()
        self._outputs: list[LoggedOutput] = []
        self._roots: dict[int, tuple[int, bytes]] = {}
        self._lock = asyncio.Lock()

    @property
    def size(self) -> int:
        """Outputs that are here."""
        return len(self._outputs)

    async def at(self, height: int) -> tuple[int, bytes]:
        """(out_size, out_root), the log being here up to that size and its root the header's.

        Raises Unknown for a height that is not there yet, ProofInvalid where pages and header do not agree.
        """
        known = self._roots.get(height)
        if known is not None:
            return known
        async with self._lock:
            found = await self._ledger.headers(height, 1)
            header = Header.decode(found[0][0]) if found else None
            if header is None or header.height != height:
                raise Unknown("there is no block of that height yet")
            await self._fill(header.out_size)
            if self._table.root_at(header.out_size) != header.out_root:
                raise ProofInvalid("the pages of the log do not give the root of the header")
            while len(self._roots) >= _ROOTS_KEPT:
                self._roots.pop(next(iter(self._roots)))
            self._roots[height] = header.out_size, header.out_root
        return self._roots[height]

    def entry(self, index: int) -> tuple[LoggedOutput, bytes]:
        """(output, H_p("ki"; P))"""
        ((_, _, points),) = self._table.members([index])
        return self._outputs[index], points[64:]

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The path of a leaf."""
        return list(self._table.inclusion(index, size))

    async def _fill(self, size: int) -> None:
        """Take pages until so many outputs are here."""
        while self.size < size:
            number, done = divmod(self.size, PAGE_OUTPUTS)
            page = OutputPage.decode(await self._ledger.outputs(number))
            fresh = page.outputs[done:]
            if page.page != number or not fresh:
                raise Unknown("the page does not hold these outputs yet")
            self._table.append([(each.class_, each.height, each.output.data) for each in fresh])
            self._outputs.extend(fresh)
