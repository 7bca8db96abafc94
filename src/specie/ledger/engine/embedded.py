"""The embedded provider: one process, one validator key, instant finality. Spec: LEDGER-16.2."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

from specie.kernel.clock import Clock
from specie.kernel.db import DatabaseBusy
from specie.ledger.api import BlockResult, ConsensusStatus, FinalBlock, StateMachine, Verdict
from specie.ledger.engine.chores import Chores
from specie.ledger.engine.intake import Intake, _wait
from specie.ledger.engine.machine import Machine
from specie.ledger.engine.mark import Mark
from specie.ledger.engine.ports import ChainFacts, Duty, Observer
from specie.ledger.engine.settings import EmbeddedSettings
from specie.ledger.engine.submissions import Entry, Submissions, repeated
from specie.ledger.errors import Deferred, Internal, NotReady, TxDuplicate, Unknown
from specie.ledger.messages.receipts import Finality
from specie.ledger.messages.views import Submitted
from specie.ledger.protocol.order import submission_id
from specie.ledger.store import blocks, reading

__all__ = ["Embedded", "EmbeddedSettings"]

P = ParamSpec("P")
T = TypeVar("T")
Sign = Callable[[int, bytes], Awaitable[bytes]]
"""(height, app_hash) to the validator's signature."""
KEY_INDEX = 0
"""Of the one validator key in the genesis document."""
CHORE_BLOCKS = 50
COMMIT_ATTEMPTS = 8
RETRY_S = 0.25


class Embedded:
    """Makes blocks from what is submitted; a `Consensus`."""

    def __init__(
        self,
        sign: Sign,
        clock: Clock,
        *,
        settings: EmbeddedSettings | None = None,
        mark: Mark | None = None,
        duties: Sequence[Duty] = (),
        observer: Observer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or EmbeddedSettings()
        self.submissions = Submissions()
        self.intake = Intake(
            monotonic,
            waiting_max=self.settings.waiting_max,
            source_max=self.settings.source_max,
            batch_max=self.settings.batch_max,
            batch_ms=self.settings.batch_ms,
        )
        self._sign = sign
        self._clock = clock
        self._mark = mark
        self._duties = list(duties)
        self._observer = observer or Observer()
        self.chores = Chores(self._observer, archive=self.settings.archive)
        self._monotonic = monotonic
        self._machine: Machine | None = None
        self._halted: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._errands: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._tip_moved: asyncio.Future[None] | None = None
        self._since: float | None = None
        """When the first of the frames that wait for a block began to wait."""
        self._last_block = monotonic()
        self._stopping = False
        self._check_threads = ThreadPoolExecutor(self.settings.checkers, "specie-ledger-check")
        self._block_thread = ThreadPoolExecutor(1, "specie-ledger-block")

    @property
    def machine(self) -> Machine:
        """The state machine. Raises NotReady before the start."""
        if self._machine is None:
            raise NotReady("the provider was not started")
        return self._machine

    # -- Consensus

    async def start(self, machine: StateMachine) -> None:
        """Begin to make blocks over this machine. What the duties have to say is submitted first."""
        if not isinstance(machine, Machine):
            raise TypeError("the embedded provider runs the machine of this room")
        self._machine = machine
        self._last_block = self._monotonic()
        if self.settings.threads:
            self._tasks = [asyncio.create_task(self._check_loop()) for _ in range(self.settings.checkers)]
            self._tasks.append(asyncio.create_task(self._block_loop()))
            for task in self._tasks:
                task.add_done_callback(self._loop_ended)
        await self.do_duties()

    async def submit(self, frame: bytes, source: str = "") -> Submitted:
        """Take bytes; the same bytes again are answered with what is known of them.

        Raises Overloaded, NotReady, Internal once the node has stopped itself, and a remembered refusal.
        """
        entry, is_new = self.enter(frame, source)
        if entry.refusal is not None and entry.state != "final":
            raise repeated(entry.refusal)
        return entry.view(repeated=not is_new)

    # SPEC LEDGER-21.1.1, LEDGER-21.1.6
    def enter(self, frame: bytes, source: str) -> tuple[Entry, bool]:
        """The entry of these bytes, and whether they are judged now. Raises as `submit`."""
        ident = submission_id(frame)
        known = self.submissions.get(ident)
        if known is not None and (not known.is_ended or known.is_lasting):
            return known, False
        if self._halted is not None or self._stopping:
            raise Internal("the node has stopped itself") if self._halted else NotReady("the node is stopping")
        machine = self.machine
        self.intake.check_room(source, len(machine.pool))
        entry = self.submissions.open(ident, frame, source)
        self.intake.put(entry, machine.tip.height)
        return entry, True

    async def wait_final(self, ident: bytes, timeout_s: float) -> Submitted:
        """The end of a submission, or its state when the time is up. Raises Unknown, or its refusal."""
        entry = self.submissions.get(ident)
        if entry is None:
            row = await self.machine.database.read(lambda tx: reading.submission(tx, ident))
            if row is None:
                raise Unknown("no such submission")
            entry = Entry(ident)
            Submissions().end_stored(entry, self.machine.tip.height, row)
            return entry.view()
        await self.wait(entry, timeout_s)
        return entry.view()

    # SPEC LEDGER-21.1.3
    async def wait(self, entry: Entry, timeout_s: float) -> None:
        """Until the entry has ended or the time is up."""
        if entry.is_ended or timeout_s <= 0:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry.waiters.append(waiter)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await waiter

    async def finality(self, height: int) -> bytes:
        """The validator's signature over a block. Raises Unknown."""
        row = await self.machine.database.read(lambda tx: reading.block(tx, height))
        if row is None:
            raise Unknown(f"there is no block {height} yet")
        return row.finality

    async def blocks(self, from_height: int) -> AsyncIterator[FinalBlock]:
        """Durable blocks from a height on, then each new one as it comes; ends when the provider stops."""
        height, machine = from_height, self.machine
        while not self._stopping:
            if height > machine.tip.height:
                await self._next_block()
                continue
            for row in await machine.database.read(partial(reading.blocks, first=height, limit=100)):
                yield FinalBlock(row.height, row.header, row.finality)
                height = row.height + 1

    async def status(self) -> ConsensusStatus:
        """How the node is doing."""
        machine = self.machine
        up = 0 if self._halted is not None else 1
        waiting = len(self.intake) + len(machine.pool)
        return ConsensusStatus("embedded", machine.tip.height, waiting, 1, up, self.settings.block_interval_ms)

    async def stop(self) -> None:
        """Finish the block in hand and stop. What waits is lost; clients send the same bytes again."""
        self._stopping = True
        self.intake.close()
        self._changed.set()
        # an error of theirs was told when it happened
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.submissions.release()
        for task in list(self._errands):
            task.cancel()
        if self._tip_moved is not None and not self._tip_moved.done():
            self._tip_moved.set_result(None)
        self._check_threads.shutdown()
        self._block_thread.shutdown()

    # -- checking

    async def _check_loop(self) -> None:
        while batch := await self.intake.take():
            await self.check(batch)

    # SPEC LEDGER-16.2.3
    async def check(self, batch: Sequence[Entry]) -> None:
        """Judge a micro-batch beside the event loop and the writer."""
        machine, begun = self.machine, self._monotonic()
        now_ms = self._clock.now_us() // 1000
        verdicts = await self._check_together(machine, batch, now_ms)
        self._observer.verified(len(batch), self._monotonic() - begun)
        for entry, verdict in zip(batch, verdicts, strict=True):
            if verdict.refusal is None:
                if not entry.is_ended:  # a block may have taken it already
                    entry.state = "verified"
            else:
                await self._refuse(entry, verdict)
        if machine.pool:
            self._since = self._since or self._monotonic()
            self._changed.set()

    async def _check_together(self, machine: Machine, batch: Sequence[Entry], now_ms: int) -> list[Verdict]:
        """The verdicts of a batch; where a fault of ours breaks it, those of its entries one by one."""
        try:
            return await self._run(self._check_threads, machine.check, [entry.data for entry in batch], now_ms)
        except Exception as error:
            self._observer.alarm("CHECK_FAILED", f"{type(error).__name__}: {error}")
            if len(batch) == 1:
                return [Verdict(batch[0].ident, Internal("the node could not judge it"))]
            return [(await self._check_together(machine, [entry], now_ms))[0] for entry in batch]

    async def _refuse(self, entry: Entry, verdict: Verdict) -> None:
        """A refusal, unless the tables know that the same bytes, or the same transaction, took effect before."""
        refusal = verdict.refusal
        machine, height = self.machine, self.machine.tip.height
        if refusal is None or entry.is_ended:
            return
        row = await machine.database.read(lambda tx: reading.submission(tx, entry.ident))
        if row is not None and row.state == blocks.SubmissionState.FINAL:
            self.submissions.end_stored(entry, height, row)
            return
        if isinstance(refusal, TxDuplicate):
            place = await machine.database.read(lambda tx: reading.leaf(tx, verdict.leaf))
            if place is not None:
                entry.refusal = refusal
                self.submissions.end_final(entry, height, place[0], verdict.leaf, place[1])
                return
        if verdict.costly:
            # SPEC LEDGER-16.1.4
            self.intake.offended(entry.source, height)
        self._observer.refused(str(getattr(refusal, "code", "")))
        self.submissions.end_refused(entry, height, refusal)

    # -- blocks

    async def _block_loop(self) -> None:
        while await self._until_cut():
            try:
                await self.make_block()
            except (NotReady, DatabaseBusy):
                await asyncio.sleep(RETRY_S)
            except Exception as error:
                self._halt(error)
                return

    # SPEC LEDGER-16.2.1, LEDGER-16.2.2
    async def _until_cut(self) -> bool:
        """True when a block is due; False when the provider stops."""
        settings = self.settings
        while not self._stopping:
            machine, now = self.machine, self._monotonic()
            left: float | None = None
            if machine.pool:
                if len(machine.pool) >= settings.block_tx_max or machine.pool.bytes >= settings.block_bytes_max:
                    return True
                left = (self._since or now) + settings.block_interval_ms / 1000 - now
            elif machine.tip.held.waiting:
                left = self._last_block + settings.block_idle_s - now
            if left is not None and left <= 0:
                return True
            self._changed.clear()
            await _wait(self._changed, left)
        return False

    async def make_block(self) -> BlockResult:
        """One block of what waits: executed, signed, durable, and only then answered.

        Raises NotReady, DatabaseBusy (nothing was done), and whatever must stop the node.
        """
        machine, begun = self.machine, self._monotonic()
        time_ms, height = self._time_ms(machine), machine.tip.height + 1
        settings = self.settings
        frames = machine.propose(settings.block_bytes_max, time_ms, settings.block_tx_max)
        result = await self._run(self._block_thread, machine.finalize, frames, height, time_ms)
        # SPEC LEDGER-16.2.5
        signature = await self._sign(height, result.app_hash)
        machine.seal(Finality.embedded(KEY_INDEX, signature).encode())
        machine.add_submissions(self.submissions.take_unwritten())
        await self._commit(machine, result)
        self._last_block = self._monotonic()
        self._since = self._last_block if machine.pool else None
        await self._answer(result)
        self._observer.block(height, len(frames), self._monotonic() - begun)
        counters, held = machine.tip.counters, machine.tip.held
        self._observer.supply(counters.escrow_pool, counters.escrow_pool - held.escrows)
        self._observer.waiting(len(self.intake) + len(machine.pool))
        self._announce()
        return result

    # SPEC LEDGER-16.2.4, LEDGER-16.2.9
    def _time_ms(self, machine: Machine) -> int:
        tip = machine.tip
        clock_ms = self._clock.now_us() // 1000
        if tip.held.waiting:
            served_ms = int((self._monotonic() - self._last_block) * 1000)
            clock_ms = min(clock_ms, tip.time_ms + 2 * served_ms)
        return max(tip.time_ms + 1, clock_ms)

    # SPEC LEDGER-16.2.6, LEDGER-16.2.10, LEDGER-16.1.3
    async def _commit(self, machine: Machine, result: BlockResult) -> None:
        for attempt in range(COMMIT_ATTEMPTS):
            try:
                await self._run(self._block_thread, machine.commit)
                break
            except DatabaseBusy:
                # nothing was done, and the block stands in memory as it was signed: it must become durable as it is
                if attempt == COMMIT_ATTEMPTS - 1:
                    raise RuntimeError("a signed block could not be written") from None
                await asyncio.sleep(RETRY_S * 2**attempt)
        if self._mark is not None:
            await self._run(self._block_thread, self._mark.write, result.height, result.app_hash)

    async def _answer(self, result: BlockResult) -> None:
        for verdict in result.verdicts:
            entry = self.submissions.get(verdict.ident)
            if entry is None or entry.is_ended:
                continue
            if verdict.refusal is None:
                position = result.positions.get(verdict.leaf)
                self.submissions.end_final(entry, result.height, result.height, verdict.leaf, position)
            elif not isinstance(verdict.refusal, Deferred):
                await self._refuse(entry, verdict)
        self.submissions.forget(result.height)

    def _announce(self) -> None:
        moved, self._tip_moved = self._tip_moved, None
        if moved is not None and not moved.done():
            moved.set_result(None)
        if not self.settings.threads:
            return
        self._errand(self.do_duties())
        if self.machine.tip.height % CHORE_BLOCKS == 0:
            self._errand(self.chores.do(self.machine))

    async def _next_block(self) -> None:
        if self._tip_moved is None:
            self._tip_moved = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._tip_moved)

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        """A loop that ends by an error must not end in silence."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._halt(error)

    # SPEC LEDGER-9.4.1
    def _halt(self, error: BaseException) -> None:
        """Stop making blocks: a person must look."""
        self._halted = error
        self._observer.alarm("LEDGER_STOPPED", f"{type(error).__name__}: {error}")
        for entry in self.submissions.open_entries():
            self.submissions.end_refused(entry, self.machine.tip.height, Internal("the node has stopped itself"))

    # -- beside blocks

    def facts(self) -> ChainFacts:
        """The chain as duties see it."""
        tip = self.machine.tip
        return ChainFacts(tip.genesis, tip.chain_id, tip.height, tip.time_ms, tip.rules.parameters, tip.epochs)

    async def do_duties(self) -> None:
        """Ask every duty for frames and submit them; what is known already is left alone."""
        for duty in self._duties:
            try:
                for frame in await duty.frames(self.facts()):
                    self.enter(frame, "")
            except Exception as error:
                self._observer.alarm("DUTY_FAILED", f"{type(error).__name__}: {error}")

    def _errand(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """CPU work beside the event loop, or on it where one order of events is wanted."""
        if not self.settings.threads:
            return work(*args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(threads, lambda: work(*args, **kwargs))
