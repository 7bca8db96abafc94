"""The trusted node of mode T0: sealed sessions round a ring service and a scan service (LEDGER §11.1, §11.4).

What leaves it in the open is how many requests of which kind there were; sizes and times of answers say no more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from specie.ledger.api import Ledger
from specie.ledger.errors import NotAvailable
from specie.ledger.messages.sealed import (
    RINGS_PATH,
    SCAN_PATH,
    RingRequest,
    ScanRequest,
    encode_candidates,
    encode_rings,
)
from specie.ledger.messages.views import Session
from specie.ledger.node.rings import RingService
from specie.ledger.node.scan import ScanService
from specie.ledger.node.sessions import Sessions

RINGS_SLOT_S = 0.05
SCAN_SLOT_S = 1.0

Pause = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""


class TrustedNode:
    """`api.TrustedNode`, in the process of its enclave."""

    def __init__(
        self,
        ledger: Ledger,
        sessions: Sessions,
        rings: RingService,
        scans: ScanService,
        *,
        rings_slot_s: float = RINGS_SLOT_S,
        scan_slot_s: float = SCAN_SLOT_S,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """Slots: answers leave at multiples of them after their request came; 0 sends at once, for tests."""
        self._ledger = ledger
        self._sessions = sessions
        self._rings = rings
        self._scans = scans
        self._rings_slot_s = rings_slot_s
        self._scan_slot_s = scan_slot_s
        self._pause = pause
        self._counts: Counter[str] = Counter()

    # SPEC LEDGER-11.4.3
    @property
    def counts(self) -> dict[str, int]:
        """Sessions and requests since the start: all that may be logged."""
        return dict(self._counts)

    async def session(self, nonce: bytes) -> Session:
        """A session key, quoted for this nonce. Raises NonCanonical, Overloaded."""
        self._counts["sessions"] += 1
        return self._sessions.open(nonce)

    async def rings(self, session: str, sealed: bytes) -> bytes:
        """A sealed `PLG1`. Raises Unknown, EnvelopeUnopenable, Overloaded, NonCanonical."""
        self._counts["rings"] += 1
        return await self._in_slot(self._answer_rings(session, sealed), self._rings_slot_s)

    async def scan(self, session: str, sealed: bytes) -> bytes:
        """Sealed candidates. Raises Unknown, EnvelopeUnopenable, Overloaded, NonCanonical."""
        self._counts["scans"] += 1
        return await self._in_slot(self._answer_scan(session, sealed), self._scan_slot_s)

    # SPEC LEDGER-20.1.2
    async def sign(self, step: str, session: str, sealed: bytes) -> bytes:
        """Split signing and KMS signing. Raises NotAvailable."""
        raise NotAvailable("this node is of mode T0: it builds and signs nothing")

    async def _answer_rings(self, session: str, sealed: bytes) -> bytes:
        plaintext, seal = self._sessions.take(session, RINGS_PATH, sealed)
        ring_size = (await self._ledger.status()).ring_size
        answer = await self._rings.answer(RingRequest.decode(plaintext, ring_size))
        return seal(encode_rings(answer, ring_size))

    async def _answer_scan(self, session: str, sealed: bytes) -> bytes:
        plaintext, seal = self._sessions.take(session, SCAN_PATH, sealed)
        return seal(encode_candidates(await self._scans.answer(ScanRequest.decode(plaintext))))

    # SPEC LEDGER-11.4.4
    async def _in_slot(self, work: Awaitable[bytes], slot_s: float) -> bytes:
        """Refusals wait for the end of the slot like answers."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            return await work
        finally:
            if slot_s > 0:
                await self._pause(slot_s - (loop.time() - started) % slot_s)
