"""The ring service of mode T0: members of a ring with their paths, and nothing about who asks (LEDGER §11.1)."""

from __future__ import annotations

from typing import Protocol

from specie.ledger.errors import Unknown
from specie.ledger.messages.bulk import LoggedOutput, RingAnswer, RingMember
from specie.ledger.messages.sealed import RingRequest


class OutputLog(Protocol):
    """The output log, wherever it stands: in the engine's memory, or a copy of it."""

    async def at(self, height: int) -> tuple[int, bytes]:
        """(out_size, out_root) of a block. Raises Unknown."""
        ...

    def entry(self, index: int) -> tuple[LoggedOutput, bytes]:
        """(output, H_p("ki"; P) 32); the index is below the size of a block that `at` knew."""
        ...

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """RFC 6962 path of a leaf in the log of so many outputs."""
        ...


class RingService:
    """Answers ring requests from an output log. Keeps nothing of them."""

    def __init__(self, log: OutputLog) -> None:
        self._log = log

    async def answer(self, request: RingRequest) -> RingAnswer:
        """All members under the out_root of the height asked for. Raises Unknown, which names no index."""
        size, root = await self._log.at(request.height)
        if request.indices[-1] >= size:
            raise Unknown("a position is beyond the output log of that height")
        members = []
        for index in request.indices:
            logged, image_base = self._log.entry(index)
            members.append(RingMember(index, logged, image_base, tuple(self._log.inclusion(index, size))))
        return RingAnswer(request.height, size, root, tuple(members))
