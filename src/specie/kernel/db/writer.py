"""The batched writer: many requests, one transaction, one commit, and each request its own answer.

Arrivals queue while a transaction is in flight and go into the next one together; nobody waits for company.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from typing import Generic, TypeAlias, TypeVar

from specie.kernel.db.types import ConnectionLost, Database, Transaction
from specie.kernel.errors import Overloaded, Unavailable

BATCH_MAX = 64
QUEUE_MAX = 10_000

RECONNECTS_MAX = 8
BACKOFF_S = 0.05
BACKOFF_S_MAX = 2.0

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_Entry: TypeAlias = tuple[Item, asyncio.Future[Answer | Exception]]


class BatchedWriter(Generic[Item, Answer]):
    """Decides items in batches. Used from one event loop at a time.

    `decide` gets a transaction and up to `batch_max` items and returns one answer for each, in their order.
    It takes its locks first, always in the same order, and looks for the effect of an item only behind them
    (ISSUANCE-9.2.2, ISSUANCE-9.2.3, ISSUANCE-9.2.10): so it answers a repeated item with what is stored, and
    may be run again without harm. An answer may be an exception: it is committed with the others and raised
    to the one who asked.

    `recover` gets one item whose commit may or may not have happened and returns the stored answer, or None
    where no effect of it is stored.

    `lane` names the party whose turn it is (the issuer). `observe` gets the size of each committed batch and
    the seconds that its transaction took. `sleep` waits between attempts to connect again.
    """

    def __init__(
        self,
        database: Database,
        decide: Callable[[Transaction, Sequence[Item]], Sequence[Answer | Exception]],
        *,
        lane: Callable[[Item], Hashable],
        recover: Callable[[Transaction, Item], Answer | Exception | None],
        observe: Callable[[int, float], None] | None = None,
        batch_max: int = BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._decide = decide
        self._lane = lane
        self._recover = recover
        self._observe = observe
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._sleep = sleep
        self._lanes: dict[Hashable, deque[_Entry[Item, Answer]]] = {}
        self._turns: deque[Hashable] = deque()
        self._queued = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def queued(self) -> int:
        """Items that wait for their transaction."""
        return self._queued

    async def submit(self, item: Item) -> Answer:
        """The answer for one item, once it is durable.

        Raises what `decide` answered or raised for it, Overloaded where the queue is full, Unavailable where
        the database cannot be reached; the outcome may then be unknown, and the same item may come again.
        """
        (future,) = self._enqueue((item,))
        answer = await future
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def submit_many(self, items: Sequence[Item]) -> list[Answer | Exception]:
        """The answers for several items, in their order; an exception stands in its place.

        Raises Overloaded where the queue cannot take all of them.
        """
        return [await future for future in self._enqueue(items)]

    async def close(self) -> None:
        """Answer what is queued, then take nothing more."""
        self._closed = True
        if self._task is not None:
            await self._task

    def _enqueue(self, items: Sequence[Item]) -> list[asyncio.Future[Answer | Exception]]:
        if self._closed:
            raise Unavailable("the writer is closed")
        if self._queued + len(items) > self._queue_max:
            raise Overloaded("too many requests are waiting")
        loop = asyncio.get_running_loop()
        futures = []
        for lane, item in [(self._lane(item), item) for item in items]:
            future: asyncio.Future[Answer | Exception] = loop.create_future()
            waiting = self._lanes.get(lane)
            if waiting is None:
                waiting = self._lanes[lane] = deque()
                self._turns.append(lane)
            waiting.append((item, future))
            self._queued += 1
            futures.append(future)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._drain())
        return futures

    def _take(self) -> list[_Entry[Item, Answer]]:
        """The next batch: one item of each lane in turn; the turn goes on where the last batch ended."""
        batch: list[_Entry[Item, Answer]] = []
        # SPEC ISSUANCE-9.2.1, ISSUANCE-20.25
        while self._turns and len(batch) < self._batch_max:
            lane = self._turns.popleft()
            waiting = self._lanes[lane]
            batch.append(waiting.popleft())
            if waiting:
                self._turns.append(lane)
            else:
                del self._lanes[lane]
        self._queued -= len(batch)
        return batch

    async def _drain(self) -> None:
        while batch := self._take():
            try:
                answers = await self._answer([item for item, _ in batch])
            except BaseException:  # the event loop is being shut down
                self._abandon(batch)
                raise
            # SPEC ISSUANCE-9.2.6
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():  # else the caller has gone
                    future.set_result(answer)

    def _abandon(self, batch: list[_Entry[Item, Answer]]) -> None:
        """Nobody will answer these or what is queued behind them."""
        for entries in (batch, *self._lanes.values()):
            for _, future in entries:
                future.cancel()
        self._lanes.clear()
        self._turns.clear()
        self._queued = 0

    async def _answer(self, items: list[Item]) -> Sequence[Answer | Exception]:
        try:
            return await self._commit(items)
        except Exception as error:
            # SPEC ISSUANCE-9.2.7, ISSUANCE-9.2.11
            return await self._answer_one_by_one(items, error)

    async def _commit(self, items: list[Item]) -> Sequence[Answer | Exception]:
        """All items in one transaction, or an exception and none of them."""

        def work(transaction: Transaction) -> Sequence[Answer | Exception]:
            answers = self._decide(transaction, items)
            if len(answers) != len(items):
                raise RuntimeError(f"{len(answers)} answers for {len(items)} items")
            return answers

        begun = time.perf_counter()
        answers = await self._database.write(work)
        if self._observe is not None:
            with suppress(Exception):  # it is committed: a broken meter must not make it look undone
                self._observe(len(items), time.perf_counter() - begun)
        return answers

    async def _answer_one_by_one(self, items: list[Item], error: Exception) -> list[Answer | Exception]:
        """A transaction for each item, so that one that cannot be decided spoils none but itself."""
        unknown = isinstance(error, ConnectionLost) and error.during_commit
        reachable = not isinstance(error, ConnectionLost) or await self._reconnect()
        answers: list[Answer | Exception] = []
        for item in items:
            if reachable:
                answer, reachable = await self._answer_alone(item, unknown=unknown)
                answers.append(answer)
            else:
                answers.append(_unreachable(unknown=unknown))
        return answers

    async def _answer_alone(self, item: Item, *, unknown: bool) -> tuple[Answer | Exception, bool]:
        """The answer for one item, and whether the database can still be reached.

        A connection that breaks again is made once more; after that the caller has to ask again.
        """
        for _ in range(2):
            try:
                if unknown:
                    # SPEC ISSUANCE-9.2.8, ISSUANCE-9.2.9
                    stored = await self._database.write(lambda transaction: self._recover(transaction, item))
                    if stored is not None:
                        return stored, True
                    unknown = False
                return (await self._commit([item]))[0], True
            except ConnectionLost as lost:
                unknown = unknown or lost.during_commit
                if not await self._reconnect():
                    return _unreachable(unknown=unknown), False
            except Exception as error:
                return error, True
        return _unreachable(unknown=unknown), True

    async def _reconnect(self) -> bool:
        """Wait until the database answers again, a bounded number of times."""
        for attempt in range(RECONNECTS_MAX):
            try:
                await self._database.write(lambda transaction: transaction.one("SELECT 1"))
                return True
            except Unavailable:
                await self._sleep(min(BACKOFF_S * 2**attempt, BACKOFF_S_MAX))
        return False


def _unreachable(*, unknown: bool) -> Unavailable:
    outcome = "the outcome is not known, ask again with the same request" if unknown else "nothing was done"
    return ConnectionLost(f"the database cannot be reached; {outcome}", during_commit=unknown)
