"""Bytes that wait for their verification: bounded in all and for each source, in micro-batches.

Spec: LEDGER-16.1.4, 16.2.3.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable

from specie.ledger.engine.submissions import Entry
from specie.ledger.errors import Overloaded

OFFENCE_BLOCKS = 1000
OFFENDERS_MAX = 65_536


class Intake:
    """The queue before verification. Belongs to the event loop."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        waiting_max: int,
        source_max: int,
        batch_max: int,
        batch_ms: int,
    ) -> None:
        self._monotonic = monotonic
        self._waiting_max = waiting_max
        self._source_max = source_max
        self._batch_max = batch_max
        self._batch_s = batch_ms / 1000
        self._queue: deque[tuple[float, Entry]] = deque()
        self._apart: deque[tuple[float, Entry]] = deque()
        self._by_source: Counter[str] = Counter()
        self._offenders: dict[str, int] = {}
        self._arrived = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue) + len(self._apart)

    # SPEC LEDGER-16.1.4
    def check_room(self, source: str, elsewhere: int) -> None:
        """Refuse when too much waits, in all (`elsewhere` counts what waits for a block) or of this source.

        Raises Overloaded.
        """
        if len(self) + elsewhere >= self._waiting_max or (source and self._by_source[source] >= self._source_max):
            raise Overloaded("too many submissions are waiting")

    def put(self, entry: Entry, height: int) -> None:
        """Queue an entry; that of an offender goes behind everybody else's."""
        is_apart = bool(entry.source) and self._offenders.get(entry.source, -OFFENCE_BLOCKS) > height - OFFENCE_BLOCKS
        (self._apart if is_apart else self._queue).append((self._monotonic(), entry))
        self._by_source[entry.source] += 1
        self._arrived.set()

    def offended(self, source: str, height: int) -> None:
        """An envelope of this source failed where failing costs most."""
        if source:
            self._offenders.pop(source, None)
            self._offenders[source] = height
            if len(self._offenders) > OFFENDERS_MAX:
                del self._offenders[next(iter(self._offenders))]

    # SPEC LEDGER-16.2.3
    async def take(self) -> list[Entry]:
        """The next micro-batch: full, or its first entry has waited long enough; empty once it is closed."""
        while not self._closed:
            queue = self._queue or self._apart
            if queue:
                left = queue[0][0] + self._batch_s - self._monotonic()
                if len(queue) >= self._batch_max or left <= 0:
                    return self.take_now()
            else:
                left = None
            self._arrived.clear()
            await _wait(self._arrived, left)
        return []

    def take_now(self) -> list[Entry]:
        """Whatever waits, up to a micro-batch."""
        queue = self._queue or self._apart
        batch = [queue.popleft()[1] for _ in range(min(self._batch_max, len(queue)))]
        for entry in batch:
            self._by_source[entry.source] -= 1
            if not self._by_source[entry.source]:
                del self._by_source[entry.source]
        return batch

    def close(self) -> None:
        """Nothing more is taken."""
        self._closed = True
        self._arrived.set()


async def _wait(event: asyncio.Event, timeout_s: float | None) -> None:
    """Until the event is set or the time is up."""
    if event.is_set():
        return
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
