"""The state machine: check, propose, process, finalize, commit. Spec: LEDGER-16.1.

Deterministic: the same blocks give the same headers whichever provider made them. Synchronous: a provider runs it on
threads of its own, checks on one and everything else on another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from specie.kernel.clock import Randomness
from specie.kernel.db import Database
from specie.ledger.api import BlockResult, Verdict
from specie.ledger.engine.chain import Chain
from specie.ledger.engine.closing import Closed, close
from specie.ledger.engine.execute import Operation, judge, run, run_operation
from specie.ledger.engine.judging import Item, Judge, Judgement
from specie.ledger.engine.loading import load
from specie.ledger.engine.next_rules import with_next_rules
from specie.ledger.engine.overlay import Block
from specie.ledger.engine.pool import Judged, Pool
from specie.ledger.engine.ports import EpochKeys
from specie.ledger.engine.rows import rows_of
from specie.ledger.engine.tip import LogAt, Tip, entry_of_epoch, last_over
from specie.ledger.errors import Deferred, NotReady, Rejected, TxDuplicate
from specie.ledger.messages.frames import Frame, op_id
from specie.ledger.messages.genesis import Genesis
from specie.ledger.protocol.dispatch import prove_many
from specie.ledger.protocol.order import is_envelope, open_bundles, submission_id
from specie.ledger.protocol.rules import EXPENSIVE, Candidate, refusal_of
from specie.ledger.store.blocks import BlockRows, write_block

CACHE_MAX = 65_536
NO_LIMIT = 1 << 62


@dataclass(slots=True, eq=False)
class _Executed:
    """A block between finalize and commit."""

    block: Block
    closed: Closed
    rows: BlockRows
    idents: list[bytes]
    """Of its frames."""
    kept: set[bytes]
    """Frames that were refused only for now."""
    finality: bytes = b""


@dataclass(slots=True)
class _Sorted:
    """The frames of a block by what they are."""

    envelopes: list[Item] = field(default_factory=list)
    frames: list[Item] = field(default_factory=list)
    order: list[bytes] = field(default_factory=list)
    """Id of every frame as it came, duplicates too."""


# SPEC LEDGER-16.1.1, LEDGER-16.1.2
class Machine:
    """The rules of LEDGER-7 to 9 over one store; a `StateMachine`."""

    def __init__(self, genesis: Genesis, database: Database, epoch_keys: EpochKeys, randomness: Randomness) -> None:
        self.database = database
        self.chain = Chain(database)
        self.pool = Pool()
        self._epoch_keys = epoch_keys
        self._judge = Judge(self.chain, epoch_keys, randomness)
        self._cache: OrderedDict[bytes, Judged] = OrderedDict()
        self._executed: _Executed | None = None
        self.tip: Tip = load(genesis, self.chain)

    # -- check

    def check(self, frames: Sequence[bytes], time_ms: int | None = None) -> list[Verdict]:
        """Judge a micro-batch against the last block; what passes waits in the pool. No effect on the state.

        time_ms: the time that the next block is expected to have.
        """
        tip = self.tip
        items = [(submission_id(frame), frame) for frame in frames]
        block = Block(tip, max(tip.time_ms + 1, time_ms or 0), self.chain)
        verdicts: dict[bytes, Verdict] = {}
        envelopes = [item for item in items if is_envelope(item[1])]
        answers = self._judge.judge(tip, envelopes, partial(judge, block))
        for (ident, data), answer in zip(envelopes, answers, strict=True):
            verdicts[ident] = self._verdict(ident, data, answer)
        operations = [item for item in items if not is_envelope(item[1])]
        for (ident, data), found in zip(operations, self._operations(operations), strict=True):
            verdicts[ident] = self._check_operation(tip, block.time_ms, ident, data, found)
        return [verdicts[ident] for ident, _ in items]

    def _verdict(self, ident: bytes, data: bytes, answer: Judgement) -> Verdict:
        candidate, refusal = answer.candidate, answer.refusal
        if candidate is None:
            return Verdict(ident, refusal)
        if candidate.is_proven:
            self._remember(ident, candidate)
        if refusal is None and candidate.fault:
            refusal = refusal_of(candidate.fault)
        if refusal is None:
            self.pool.add(ident, data, candidate)
        return Verdict(ident, refusal, candidate.leaf, candidate.fault in EXPENSIVE)

    def _check_operation(
        self, tip: Tip, time_ms: int, ident: bytes, data: bytes, found: Operation | Exception
    ) -> Verdict:
        if isinstance(found, Exception):
            return Verdict(ident, found)
        refusal = run_operation(Block(tip, time_ms, self.chain), found)
        if refusal is None:
            self._remember(ident, found)
            self.pool.add(ident, data, found)
        return Verdict(ident, refusal, found.op_id)

    def _operations(self, items: Sequence[Item]) -> list[Operation | Exception]:
        """Frames that decode, with the expensive rules of mints judged in one batch."""
        answers: list[Operation | Exception] = []
        for ident, data in items:
            try:
                answers.append(Operation(ident, Frame.decode(data), data, op_id(data)))
            except Rejected as refusal:
                answers.append(refusal)
        decoded = [answer for answer in answers if isinstance(answer, Operation)]
        for operation, fault in zip(decoded, prove_many([each.frame for each in decoded]), strict=True):
            operation.fault = fault
        return answers

    # -- propose and process

    def propose(self, bytes_max: int, time_ms: int, count_max: int = NO_LIMIT) -> list[bytes]:
        """Verified frames free of conflicts, in canonical order, of at most so many bytes."""
        return self.pool.choose(bytes_max, count_max, self.tip.rules.parameters.ops_per_block)

    # SPEC LEDGER-16.3.2
    def process(self, frames: Sequence[bytes], height: int, time_ms: int) -> bool:
        """Whether each frame passes at its turn, or fails only because of an earlier frame of the same block.

        Raises NotReady where the key of a live epoch is missing.
        """
        try:
            block, refusals, parts = self._execute(frames, height, time_ms)
        except (Rejected, ValueError):
            return False
        singles = dict((*parts.envelopes, *parts.frames))
        for ident in refusals:
            _, faults, _ = self._execute([singles[ident]], height, time_ms)
            if faults:
                return False
        return block.height == height

    # -- finalize and commit

    def finalize(self, frames: Sequence[bytes], height: int, time_ms: int) -> BlockResult:
        """Execute a block in memory; `commit` makes it durable. Executing again replaces what was executed.

        Raises NotReady (LEDGER-7.25), IdentityBroken (LEDGER-9.4.1), ValueError for a block that does not follow.
        """
        block, refusals, parts = self._execute(frames, height, time_ms)
        closed = close(block, self.chain.table)
        positions = {leaf: place for place, leaf in enumerate(closed.leaves)}
        final = {each.env_id: each.leaf for each in block.candidates}
        final |= {ident: op_id(data) for ident, data in parts.frames if ident not in refusals}
        # a second envelope of a final transaction is answered with the place of the first: its leaf must be known
        known = {ident: op_id(data) for ident, data in parts.frames}
        for ident, _ in parts.envelopes:
            candidate = self._cache.get(ident)
            if isinstance(candidate, Candidate):
                known[ident] = candidate.leaf
        rows = rows_of(block, closed, final, refusals)
        kept = {ident for ident, refusal in refusals.items() if isinstance(refusal, Deferred)}
        self._executed = _Executed(block, closed, rows, [*dict.fromkeys(parts.order)], kept)
        return BlockResult(
            height,
            time_ms,
            closed.app_hash,
            closed.header.data,
            closed.record,
            closed.proofs,
            _verdicts(parts.order, refusals, known | final),
            positions,
        )

    def _execute(
        self, frames: Sequence[bytes], height: int, time_ms: int
    ) -> tuple[Block, dict[bytes, Exception], _Sorted]:
        tip = self.tip
        if height != tip.height + 1 or time_ms <= tip.time_ms:
            raise ValueError(f"block {height} at {time_ms} does not follow block {tip.height} at {tip.time_ms}")
        parts = _sort(frames)
        refusals: dict[bytes, Exception] = {}
        candidates = self._candidates(tip, parts.envelopes, refusals)
        operations = self._known_operations(parts.frames, refusals)
        block = Block(tip, time_ms, self.chain)
        refusals |= run(block, candidates, operations)
        return block, refusals, parts

    # SPEC LEDGER-7.23
    def _candidates(self, tip: Tip, envelopes: Sequence[Item], refusals: dict[bytes, Exception]) -> list[Candidate]:
        candidates: list[Candidate] = []
        cold: list[Item] = []
        for item in envelopes:
            known = self._cache.get(item[0])
            if isinstance(known, Candidate):
                candidates.append(known)
            else:
                cold.append(item)
        for (ident, _), answer in zip(cold, self._judge.judge(tip, cold, None), strict=True):
            # SPEC LEDGER-7.25
            if isinstance(answer.refusal, NotReady):
                raise answer.refusal
            if answer.refusal is not None:
                refusals[ident] = answer.refusal
            elif answer.candidate is not None:
                candidates.append(answer.candidate)
                if answer.candidate.is_proven:
                    self._remember(ident, answer.candidate)
        return candidates

    def _known_operations(self, items: Sequence[Item], refusals: dict[bytes, Exception]) -> list[Operation]:
        operations: list[Operation] = []
        cold: list[Item] = []
        for item in items:
            known = self._cache.get(item[0])
            if isinstance(known, Operation):
                operations.append(known)
            else:
                cold.append(item)
        for (ident, _), found in zip(cold, self._operations(cold), strict=True):
            if isinstance(found, Exception):
                refusals[ident] = found
            else:
                operations.append(found)
        return operations

    def seal(self, finality: bytes) -> None:
        """The finality of the executed block, to be written with it."""
        if self._executed is None:
            raise RuntimeError("no block was executed")
        self._executed.finality = finality

    def add_submissions(self, rows: Sequence[tuple[bytes, int, str | None, str | None, int, bytes | None]]) -> None:
        """Ends of submissions that no block saw, to be written with the executed block."""
        if self._executed is not None:
            known = {row[0] for row in self._executed.rows.submissions}
            self._executed.rows.submissions += [row for row in rows if row[0] not in known]

    # SPEC LEDGER-8.7.2, LEDGER-16.1.3, LEDGER-16.2.6
    def commit(self) -> int:
        """Make the executed block durable in one transaction, and only then let the memory follow.

        The height from which a provider must keep its blocks (LEDGER-16.3). Raises as Database.write_now; after
        UniqueViolation or a connection lost during the commit the node must start anew from the tables.
        """
        executed = self._executed
        if executed is None:
            raise RuntimeError("no block was executed")
        self.database.write_now(lambda tx: write_block(tx, executed.rows, executed.finality))
        self._executed = None
        self._advance(executed)
        return self._retain_height()

    def _advance(self, executed: _Executed) -> None:
        block, closed, before = executed.block, executed.closed, self.tip
        self.chain.append(closed.log, block.reserved)
        self.chain.wrote(closed.writes)
        header = closed.header
        epochs = (*before.epochs, *(entry_of_epoch(key, header.height) for _, key, _ in block.epoch_keys))
        after = replace(
            before,
            header=header,
            app_hash=closed.app_hash,
            finality=executed.finality,
            images=closed.images,
            state=closed.state,
            epochs=epochs,
            counters=closed.counters,
            held=closed.held,
        )
        after = with_next_rules(after, [change for change, _ in block.changes])
        window = after.rules.parameters.anchor_window
        self.chain.stands(header.height, LogAt(header.out_size, header.out_root), closed.images, closed.state, window)
        # SPEC LEDGER-7.24
        if after.rules.parameters is not before.rules.parameters:
            self._cache.clear()
        self.tip = after
        # SPEC LEDGER-16.2.8, LEDGER-8.2.3
        done = [ident for ident in executed.idents if ident not in executed.kept]
        self.pool.drop(done)
        for ident in done:
            self._cache.pop(ident, None)
        self._erase_epochs(after)

    # SPEC LEDGER-12.3.2, LEDGER-20.1.1
    def _erase_epochs(self, tip: Tip) -> None:
        """Keys of epochs whose follower has had its last block."""
        over = last_over(tip.epochs, tip.height)
        if over > 0:
            self._epoch_keys.erase_through(over)

    def _retain_height(self) -> int:
        tip = self.tip
        held = None
        for entry in reversed(tip.epochs):
            if self._epoch_keys.key(entry.epoch) is None:
                break
            held = entry
        if held is None:
            return tip.height
        parameters = tip.rules.parameters
        return held.start + min(parameters.anchor_window, parameters.epoch_blocks // 2)

    def _remember(self, ident: bytes, judged: Judged) -> None:
        self._cache[ident] = judged
        if len(self._cache) > CACHE_MAX:
            self._cache.popitem(last=False)

    def forget(self) -> None:
        """Drop what earlier looks found, as a node that has just started."""
        self._cache.clear()


def _sort(frames: Sequence[bytes]) -> _Sorted:
    """Bundles opened, duplicates dropped."""
    parts = _Sorted()
    seen: set[bytes] = set()
    for data in open_bundles(frames):
        ident = submission_id(data)
        parts.order.append(ident)
        if ident not in seen:
            seen.add(ident)
            (parts.envelopes if is_envelope(data) else parts.frames).append((ident, data))
    return parts


def _verdicts(order: Sequence[bytes], refusals: dict[bytes, Exception], leaves: dict[bytes, bytes]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    seen: set[bytes] = set()
    for ident in order:
        # SPEC LEDGER-8.5.4
        refusal = TxDuplicate("the same bytes stand in this block") if ident in seen else refusals.get(ident)
        seen.add(ident)
        verdicts.append(Verdict(ident, refusal, leaves.get(ident, b"")))
    return verdicts
