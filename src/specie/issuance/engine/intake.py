"""Calls that arrive one by one and are worked on together, in turns over the parties that send them.

While a batch is under way new calls queue up and go into the next one; nobody waits for company. So hundreds of single
calls a second are verified, decided and signed by the dozen (ISSUANCE-9.2).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from specie.issuance.errors import Overloaded

Item = TypeVar("Item")
Answer = TypeVar("Answer")

BATCH_MAX = 64
QUEUE_MAX = 10_000


class Intake(Generic[Item, Answer]):
    """A queue in front of a batch call. work: items -> answers in their order; an answer may be an exception."""

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        batch_max: int = BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        in_flight_max: int = 3,
    ) -> None:
        self._work = work
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._in_flight_max = in_flight_max
        self._lanes: dict[Hashable, deque[tuple[Item, asyncio.Future[Answer | Exception]]]] = {}
        self._waiting = 0
        self._running: set[asyncio.Task[None]] = set()

    async def submit_many(self, items: Sequence[Item], lane: Hashable) -> list[Answer | Exception]:
        """Answers in order. Raises Overloaded where too many calls wait."""
        if self._waiting + len(items) > self._queue_max:
            raise Overloaded("too many calls are waiting")
        loop = asyncio.get_running_loop()
        queue = self._lanes.setdefault(lane, deque())
        futures = []
        for item in items:
            future: asyncio.Future[Answer | Exception] = loop.create_future()
            queue.append((item, future))
            futures.append(future)
        self._waiting += len(items)
        self._start()
        return [await future for future in futures]

    def _start(self) -> None:
        while self._waiting and len(self._running) < self._in_flight_max:
            task = asyncio.get_running_loop().create_task(self._run(self._take()))
            self._running.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    # SPEC ISSUANCE-9.2.1, ISSUANCE-20.25
    def _take(self) -> list[tuple[Item, asyncio.Future[Answer | Exception]]]:
        """Up to a batch, one item per lane and turn."""
        batch: list[tuple[Item, asyncio.Future[Answer | Exception]]] = []
        while self._waiting and len(batch) < self._batch_max:
            for lane in list(self._lanes):
                queue = self._lanes[lane]
                if queue and len(batch) < self._batch_max:
                    batch.append(queue.popleft())
                    self._waiting -= 1
                if not queue:
                    del self._lanes[lane]
        return batch

    async def _run(self, batch: list[tuple[Item, asyncio.Future[Answer | Exception]]]) -> None:
        try:
            answers: Sequence[Answer | Exception] = await self._work([item for item, _ in batch])
        except Exception as error:
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            await asyncio.gather(*list(self._running), return_exceptions=True)
