"""One round of the auditor: read what is new of every log and of the chain, judge it, look again at what is old."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog

from specie.app.auditor import facts, store
from specie.app.auditor.findings import Findings
from specie.app.auditor.intake import Intake, Stretch
from specie.app.auditor.ledger import ChainFollower
from specie.app.auditor.linking import Linking
from specie.app.auditor.reading import CM, IS, QC
from specie.app.auditor.rules import RuleReader
from specie.app.auditor.settling import Settling, settled
from specie.app.auditor.witnessing import Checkpoints, Witness, read_size
from specie.issuance.api import Log
from specie.issuance.messages.policy import CurrencyRule
from specie.issuance.protocol.policy import OFFLINE
from specie.kernel import codec
from specie.kernel.clock import Clock
from specie.kernel.db import Database, Transaction
from specie.kernel.errors import Refused, Unavailable

T = TypeVar("T")
ORDER = (QC, CM, IS)
"""What others did is read after what follows from it, so a cause is never missing for being young."""
STRETCH = 500
PATROL = 100
LATE_MAX = 100
HORIZON = "horizon"
STRANGE = (TypeError, ValueError, LookupError)
"""What decoding an answer of a wrong shape raises."""


@dataclass(frozen=True, slots=True)
class Source:
    """One log that is followed, read only."""

    role: str
    system: str
    log: Log


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one round may do."""

    leaves: int = 5_000
    """Leaves per log."""
    settle: int = 10_000
    """Leaves of quota control that are counted."""
    grace_us: int = 60_000_000
    """How long a system may take to hand out an object."""


@dataclass(slots=True)
class Auditor:
    """Follows the logs. Nothing of what a system says is believed unless it is signed and in its log."""

    database: Database
    sources: Mapping[str, Source]
    reader: RuleReader
    clock: Clock
    witness: Witness | None = None
    limits: Limits = field(default_factory=Limits)
    chain: ChainFollower | None = None
    """The ledger, where the deployment has one."""
    unreachable: dict[str, str] = field(default_factory=dict)
    """Role to why it did not answer in the last round."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Role to the size that its log last said it had."""
    rounds: int = 0

    # SPEC ISSUANCE-15.6.1
    async def step(self) -> None:
        """One round. Systems that do not answer are read in the next one."""
        for role in ORDER:
            if role in self.sources:
                await self._ask(role, self.follow)
        if self.chain is not None:
            # after the logs and before the horizons: what either side says of the other was there then
            await self.chain.step()
        asked = [role for role in ORDER if role in self.sources and role not in self.unreachable]
        for role in asked:
            await self._ask(role, self._set_horizon)
        await self._write(self._settle)
        await self._write(lambda tx, findings: self._cross(tx, findings, asked))
        await self._cosign()
        self.rounds += 1

    async def _ask(self, role: str, work: Callable[[Source], object]) -> None:
        """Run `work` on a source; who does not answer, or answers nonsense, holds up nobody else."""
        source = self.sources[role]
        try:
            await work(source)  # type: ignore[misc]
        except (Refused, Unavailable, *STRANGE) as error:
            self.unreachable[role] = f"{type(error).__name__}: {error}"
            strange = not isinstance(error, Unavailable)
            structlog.get_logger("specie.auditor").warning("no_answer", system=source.system, detail=str(error))
            if strange:
                await self._note("ANSWER_STRANGE", source.system, str(error))
        else:
            self.unreachable.pop(role, None)

    async def _note(self, code: str, system: str, detail: str) -> None:
        await self._write(lambda tx, findings: findings.add(code, system, "answer", detail))

    async def _write(self, work: Callable[[Transaction, Findings], T]) -> T:
        now_us = self.clock.now_us()
        return await self.database.write(lambda tx: work(tx, Findings(tx, now_us)))

    async def follow(self, source: Source) -> None:
        """Read what is new of one log, and look again at a part of what is old. Raises as the source does."""
        state = await self.database.read(lambda tx: store.followed(tx, source.role, source.system))
        if state.broken:
            return
        try:
            checkpoint = await source.log.checkpoint()
        except Unavailable:
            checkpoint = b""  # none yet, or the next call says that nobody answers
        size = await source.log.size()
        self.sizes[source.role] = size
        if size < state.size:
            await self._shrank(source, state, size)
            return
        if await self._is_replaced(source, state):
            return
        intake = Intake(source.role, source.system, self.reader, {role: s.system for role, s in self.sources.items()})
        await self._read_new(source, intake, state.size, size, read_size(checkpoint))
        await self._read_late(source, intake)
        await self._patrol(source, intake)
        if checkpoint:
            await self._write(lambda tx, findings: self._keep_checkpoint(tx, findings, source, checkpoint))

    # SPEC ISSUANCE-20.17, ISSUANCE-20.18, ISSUANCE-1.4.6
    async def _shrank(self, source: Source, state: store.Followed, size: int) -> None:
        def note(tx: Transaction, findings: Findings) -> None:
            detail = f"{state.size} leaves were read, and it has {size}"
            findings.add("LOG_SHRANK", source.system, f"size {state.size}", detail, state.chain)
            store.set_followed(tx, replace(store.followed(tx, source.role), broken=1))

        await self._write(note)

    async def _is_replaced(self, source: Source, state: store.Followed) -> bool:
        """The last leaf that was read must still be the last before what is new."""
        if state.size == 0:
            return False
        again = list(await source.log.leaves(state.size, 1))
        copy = await self.database.read(lambda tx: store.leaf_bodies(tx, source.role, state.size, 1))
        if again == copy:
            return False

        def note(tx: Transaction, findings: Findings) -> None:
            findings.add("LOG_FORKED", source.system, f"leaf {state.size}", "it was another leaf before", copy[0])
            store.set_followed(tx, replace(store.followed(tx, source.role), broken=1))

        await self._write(note)
        return True

    async def _read_new(self, source: Source, intake: Intake, have: int, size: int, point: int) -> None:
        """Stretch by stretch, each with its objects in one transaction."""
        last = min(size, have + self.limits.leaves)
        while have < last:
            bodies = list(await source.log.leaves(have + 1, min(STRETCH, last - have)))
            if not bodies:
                raise ValueError(f"no leaf {have + 1} of {size}")
            stretch = Stretch(have + 1, bodies, await self._objects(source, have + 1, len(bodies)))
            if not await self._write(lambda tx, findings, s=stretch: intake.take(tx, findings, s, (point,))):  # type: ignore[misc]
                return
            have += len(bodies)

    async def _objects(self, source: Source, first: int, count: int) -> dict[int, tuple[bytes, bytes]]:
        """What these leaves name."""
        answer: dict[int, tuple[bytes, bytes]] = {}
        at, end = first, first + count
        while at < end:
            rows = await source.log.objects(at, end - at)
            if not rows or any(not is_row(row) for row in rows):
                raise ValueError(f"no objects from leaf {at}")
            answer.update({seq: (data, behind) for seq, data, behind in rows})
            at = max(at, *(seq for seq, *_ in rows)) + 1
        return answer

    async def _read_late(self, source: Source, intake: Intake) -> None:
        """Objects that were not signed yet when their leaves were read."""
        waiting = await self.database.read(lambda tx: store.missing(tx, source.role, LATE_MAX))
        for seq, _, _ in waiting:
            named = (await self._objects(source, seq, 1)).get(seq, (b"", b""))
            if named[0]:
                await self._write(lambda tx, findings, s=seq, n=named: intake.take_late(tx, findings, s, *n))  # type: ignore[misc]

    async def _patrol(self, source: Source, intake: Intake) -> None:
        """Read a part of the old log again: an edited row shows itself within one turn."""
        state = await self.database.read(lambda tx: store.followed(tx, source.role, source.system))
        if state.size == 0 or state.broken:
            return
        first = state.patrol if state.patrol <= state.size else 1
        count = min(PATROL, state.size - first + 1)
        bodies = list(await source.log.leaves(first, count))
        stretch = Stretch(first, bodies, await self._objects(source, first, count))

        def work(tx: Transaction, findings: Findings) -> None:
            intake.compare(tx, findings, stretch)
            store.set_followed(tx, replace(store.followed(tx, source.role), patrol=first + count))

        await self._write(work)

    def _keep_checkpoint(self, tx: Transaction, findings: Findings, source: Source, data: bytes) -> None:
        keys = self.reader.load(tx, source.role).keys
        checkpoints = Checkpoints(source.role, source.system, self.reader.environment)
        if checkpoints.take(tx, findings, keys, data):
            store.set_followed(tx, replace(store.followed(tx, source.role), broken=1))

    async def _set_horizon(self, source: Source) -> None:
        """Whatever was read so far has its causes in the first `size` leaves of this log."""
        size = await source.log.size()
        self.sizes[source.role] = size

        def work(tx: Transaction, findings: Findings) -> None:
            facts.set_horizon(tx, source.role, size)
            if source.role == CM and store.note(tx, HORIZON) is None:
                store.set_note(tx, HORIZON, codec.encode([store.followed(tx, QC).size, size]))
            findings.resolve("ANSWER_STRANGE", source.system, "answer")

        await self._write(work)

    def _settle(self, tx: Transaction, findings: Findings) -> None:
        """Count quota control's log as far as central management's was read beyond it, then close links."""
        systems = {role: source.system for role, source in self.sources.items()}
        data = store.note(tx, HORIZON)
        if data is not None:
            until, needed = pair(data)
            if store.followed(tx, CM).size >= needed:
                settling = Settling(tx, findings, self.reader, systems[QC], systems[CM], self.limits.grace_us)
                settling.run(until, self.limits.settle)
            if settled(tx) >= until:
                store.clear_note(tx, HORIZON)
        rules = self._currencies(tx)
        online = frozenset(code for code, rule in rules.items() if rule.token_registry != OFFLINE)
        Linking(tx, findings, systems, online).run()

    def _currencies(self, tx: Transaction) -> Mapping[str, CurrencyRule]:
        """By quota control's newest policy."""
        versions = self.reader.load(tx, QC).versions
        return versions[-1][2].policy.currencies if versions else {}

    def _cross(self, tx: Transaction, findings: Findings, asked: Sequence[str]) -> None:
        """Issuance and ledger against each other. asked: whose log was read in this round."""
        if self.chain is None:
            return
        # a log that is followed no further says nothing of what came later
        good = [role for role in asked if role not in self.unreachable and not store.followed(tx, role).broken]
        sizes = {role: self.sizes[role] for role in good}
        self.chain.judge(tx, findings, sizes, self._currencies(tx).get(self.chain.genesis.currency))

    async def _cosign(self) -> None:
        """Add the witness's line to new checkpoints."""
        if self.witness is None:
            return
        for role in self.sources:
            row = await self.database.read(lambda tx, role=role: store.newest_checkpoint(tx, role))  # type: ignore[misc]
            if row is None or row.cosigned is not None:
                continue
            signed = await self.witness.cosign(row.note, self.clock.now_us() // 1_000_000)
            await self.database.write(lambda tx, r=row, s=signed: store.set_cosigned(tx, r.role, r.size, s))  # type: ignore[misc]


def pair(data: bytes) -> tuple[int, int]:
    """Two numbers of a note."""
    value: Sequence[int] = codec.decode(data, bytes_max=64)  # type: ignore[assignment]
    return value[0], value[1]


def is_row(row: object) -> bool:
    """(sequence, object, what stands behind it)"""
    if not isinstance(row, tuple | list) or len(row) != 3:
        return False
    seq, data, behind = row
    return isinstance(seq, int) and isinstance(data, bytes) and isinstance(behind, bytes)
