"""Following the ledger from outside: headers, records and range proofs, block by block, executed again.

It asks `api.Ledger` alone, holds no key, and begins at block 0 after every start, in bounded rounds. What outlives a
start is the newest signed header that was executed: a chain that is shorter, or another one, is an emergency at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from specie.app.auditor import store
from specie.app.auditor.anchors import Anchored
from specie.app.auditor.blocks import STRANGE, ChainCopy, Fault, Fetched
from specie.app.auditor.crossing import Crossing
from specie.app.auditor.findings import Findings, open_subjects
from specie.app.auditor.reading import QC
from specie.kernel import codec
from specie.kernel.clock import Clock
from specie.kernel.db import Database, Transaction
from specie.kernel.errors import Refused, Unavailable
from specie.ledger.api import Ledger
from specie.ledger.errors import NotAvailable, Pruned, Unknown
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header
from specie.ledger.messages.state import Counters
from specie.ledger.messages.views import AmountView

if TYPE_CHECKING:
    from specie.issuance.messages.policy import CurrencyRule

SEEN, STOPPED = "chain-seen", "chain-stopped"
WITHHELD = "OBJECT_WITHHELD"
DAY_MS = 86_400_000
SEEN_BYTES_MAX = 1 << 20
FIGURES: Mapping[str, str] = {
    "minted": "minted",
    "redeemed": "paid_redeemed",
    "to_accounts": "paid_account",
    "hidden": "hidden",
    "escrow_pool": "escrow_pool",
    "pending": "pending",
    "fees": "fees",
}
"""Members of `Supply` to the counters that they show."""


@dataclass(frozen=True, slots=True)
class ChainLimits:
    """How much one round may do."""

    blocks: int = 2_000
    stretch: int = 50
    """Blocks that are fetched and executed at once."""
    patrol: int = 20
    """Old blocks that are read again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest block that was ever executed, as it was signed."""

    height: int
    header: bytes
    finality: bytes

    def encode(self) -> bytes:
        return codec.encode([self.height, self.header, self.finality])

    @classmethod
    def load(cls, tx: Transaction) -> Seen | None:
        data = store.note(tx, SEEN)
        return None if data is None else cls(*codec.decode(data, bytes_max=SEEN_BYTES_MAX))  # type: ignore[misc]


@dataclass(slots=True)
class ChainFollower:
    """Follows one chain for the auditor."""

    genesis: Genesis
    ledger: Ledger
    system: str
    """Who answers for the chain: the verification node that is asked."""
    database: Database
    clock: Clock
    systems: Mapping[str, str]
    """Role to system id of the logs that are followed beside it."""
    limits: ChainLimits = field(default_factory=ChainLimits)
    copy: ChainCopy | None = None
    seen: Seen | None = None
    tip: int = -1
    """The height that the node last said it had."""
    caught_up: bool = False
    """In this round every block was executed up to a tip that was asked for after the logs had been read."""
    stopped: str = ""
    """Why the chain is followed no further."""
    unreachable: str | None = None
    crossing: Crossing = field(init=False)
    _progress: int = 0
    """Blocks that the last round executed."""
    _patrol: int = 0
    _missing: set[str] = field(default_factory=set)
    """What the node did not hand out, as findings name it."""

    def __post_init__(self) -> None:
        self.crossing = Crossing(self.genesis.currency, self.genesis.chain_id.hex(), self.system, self.systems)

    @property
    def height(self) -> int:
        """The last block that was executed since the start; -1 before block 0."""
        return self.copy.height if self.copy is not None else -1

    @property
    def behind(self) -> int:
        """Blocks that the chain has beyond what was executed."""
        return max(0, self.tip - self.height)

    @property
    def has_more(self) -> bool:
        """The next round would go on at once: nothing stopped the last one but its bound."""
        return self.behind > 0 and not self.stopped and self.unreachable is None and self._progress > 0

    def to_json(self) -> dict[str, Any]:
        """How far the chain was read."""
        copy, seen = self.copy, self.seen
        return {
            "system": self.system,
            "chain_id": self.genesis.chain_id.hex(),
            "height": self.height,
            "app_hash": copy.hashes[-1].hex() if copy is not None and copy.hashes else None,
            "behind": self.behind,
            "seen": None if seen is None else seen.height,
            "anchors_waiting": 0 if copy is None else len(copy.anchored.waiting),
            "stopped": self.stopped or None,
            "unreachable": self.unreachable,
        }

    # SPEC LEDGER-8.4.1, LEDGER-13.1
    async def step(self) -> None:
        """One round. A node that does not answer, or answers nonsense, is asked again in the next one."""
        self.caught_up = False
        before = self.height
        try:
            await self._follow()
        except (Refused, Unavailable, *STRANGE) as error:
            self.unreachable = f"{type(error).__name__}: {error}"
            structlog.get_logger("specie.auditor").warning("no_answer", system=self.system, detail=str(error))
            if not isinstance(error, Unavailable):
                detail = str(error)
                await self._write(lambda tx, found: found.add("ANSWER_STRANGE", self.system, "answer", detail))
        else:
            self.unreachable = None
        self._progress = self.height - before

    async def _follow(self) -> None:
        """Look at what was seen, execute what is new, look again at what is old. Raises as the ledger does."""
        await self._open()
        if self.stopped:
            return
        tip = (await self.ledger.status()).height
        self.tip = tip
        if await self._is_rewritten(tip):
            return
        if await self._read_new(tip):
            await self._check_supply()
            await self._read_again()
        self.caught_up = not self.stopped and self.height >= tip
        await self._write(lambda tx, found: found.resolve("ANSWER_STRANGE", self.system, "answer"))

    async def _open(self) -> None:
        """What the store knows, and an empty copy, when the first round begins."""
        if self.copy is not None:
            return

        def read(tx: Transaction) -> tuple[Seen | None, bytes | None, set[str]]:
            return Seen.load(tx), store.note(tx, STOPPED), open_subjects(tx, WITHHELD, self.system)

        self.seen, stopped, self._missing = await self.database.read(read)
        self.stopped = (stopped or b"").decode()
        self.copy = await asyncio.to_thread(ChainCopy, self.genesis, Anchored(self.systems))

    async def _write(self, work: Callable[[Transaction, Findings], None]) -> None:
        now_us = self.clock.now_us()
        await self.database.write(lambda tx: work(tx, Findings(tx, now_us)))

    async def _report(self, fault: Fault) -> None:
        """Note what is wrong with a block; some faults end the following for ever."""

        def work(tx: Transaction, findings: Findings) -> None:
            findings.add(fault.code, self.system, fault.subject, fault.detail, fault.evidence)
            if fault.stops:
                store.set_note(tx, STOPPED, f"{fault.code}: {fault.subject}".encode())

        await self._write(work)
        if fault.stops:
            self.stopped = f"{fault.code}: {fault.subject}"

    # SPEC LEDGER-13.1
    async def _is_rewritten(self, tip: int) -> bool:
        """The newest block that was seen must still stand where it stood, also before the copy has come so far."""
        seen = self.seen
        if seen is None:
            return False
        subject, before = f"block {seen.height}", seen.header + seen.finality
        if tip < seen.height:
            detail = f"block {seen.height} was read, and the chain ends at {tip}"
            await self._report(Fault("CHAIN_ROLLED_BACK", subject, detail, before, stops=True))
            return True
        ((header, finality),) = await self.ledger.headers(seen.height, 1)
        if header == seen.header:
            return False
        assert self.copy is not None
        again = Fetched(header, finality, b"", None)
        fault = await asyncio.to_thread(self.copy.look, seen.height, again)
        if fault is not None and fault.code == "BLOCK_FORGED":
            await self._report(fault)
        else:
            detail = "two headers of one height are final; the evidence holds both"
            await self._report(Fault("CHAIN_FORKED", subject, detail, before + again.signed, stops=True))
        return True

    async def _read_new(self, tip: int) -> bool:
        """Stretch by stretch up to the tip, or as far as one round goes; False where a block did not hold."""
        assert self.copy is not None
        last = min(tip, self.height + self.limits.blocks)
        while self.height < last:
            blocks = await self._fetch(self.height + 1, min(self.limits.stretch, last - self.height))
            fault, done = await asyncio.to_thread(self._execute, blocks)
            await self._remember(done)
            if fault is not None:
                await self._report(fault)
                return False
            if len(done) < len(blocks) or not blocks:
                return False
        return True

    def _execute(self, blocks: Sequence[Fetched]) -> tuple[Fault | None, Sequence[Fetched]]:
        """(what is wrong, the blocks before that)"""
        assert self.copy is not None
        for place, block in enumerate(blocks):
            fault = self.copy.take(block)
            if fault is None and self.seen is not None and self.height == self.seen.height:
                fault = self._differs(self.seen, block)
            if fault is not None:
                return fault, blocks[:place]
        return None, blocks

    def _differs(self, seen: Seen, block: Fetched) -> Fault | None:
        if block.header == seen.header:
            return None
        evidence = seen.header + seen.finality + block.signed
        return Fault("CHAIN_FORKED", f"block {seen.height}", "it was another block before", evidence, stops=True)

    async def _remember(self, done: Sequence[Fetched]) -> None:
        """Keep the newest signed header: it outlives this process."""
        if not done or (self.seen is not None and self.height <= self.seen.height):
            return
        seen = Seen(Header.decode(done[-1].header).height, done[-1].header, done[-1].finality)
        await self.database.write(lambda tx: store.set_note(tx, SEEN, seen.encode()))
        self.seen = seen

    async def _fetch(self, first: int, count: int) -> list[Fetched]:
        """Consecutive blocks with what stands beside them, up to the first that is withheld."""
        pairs = await self.ledger.headers(first, count)
        if not pairs:
            raise ValueError(f"no block {first}")
        blocks: list[Fetched] = []
        for height, (header, finality) in enumerate(pairs[:count], first):
            try:
                record = await self.ledger.block(height)
            except Unknown as refusal:
                await self._withheld(f"block {height}", str(refusal))
                break
            proofs = await self._proofs(height, header)
            blocks.append(Fetched(header, finality, record, proofs))
            await self._handed_out(f"block {height}")
        return blocks

    # SPEC LEDGER-8.2.1
    async def _proofs(self, height: int, header: bytes) -> bytes | None:
        """The range proofs of a block; a node may drop old ones, and a chain may keep all of them to itself."""
        assert self.copy is not None
        subject = f"proofs {height}"
        try:
            data = await self.ledger.block_proofs(height)
        except (Pruned, Unknown, NotAvailable) as refusal:
            rules = self.copy.replay.tip.rules.parameters
            age_ms = self.clock.now_us() // 1000 - Header.decode(header).time_ms
            if not rules.strict_proofs and age_ms <= rules.proof_retention_days * DAY_MS:
                await self._withheld(subject, str(refusal))
            return None
        await self._handed_out(subject)
        return data

    async def _withheld(self, subject: str, detail: str) -> None:
        self._missing.add(subject)
        await self._write(lambda tx, found: found.add(WITHHELD, self.system, subject, detail))

    async def _handed_out(self, subject: str) -> None:
        """It was handed out after all."""
        if subject in self._missing:
            self._missing.discard(subject)
            await self._write(lambda tx, found: found.resolve(WITHHELD, self.system, subject))

    async def _read_again(self) -> None:
        """A part of the old blocks: an edited row shows itself within one turn."""
        assert self.copy is not None
        first = self._patrol if self._patrol <= self.height else 0
        count = min(self.limits.patrol, self.height - first + 1)
        blocks = await self._fetch(first, count)
        for height, block in enumerate(blocks, first):
            fault = await asyncio.to_thread(self.copy.compare, height, block)
            if fault is not None:
                await self._report(fault)
        self._patrol = first + max(1, len(blocks))

    # SPEC LEDGER-9.4.2
    async def _check_supply(self) -> None:
        """The figures that the node publishes against those of the copy, at the copy's height."""
        assert self.copy is not None
        counters: Counters = self.copy.replay.tip.counters
        try:
            said = await self.ledger.supply(self.height)
        except Unknown:
            return  # only the last heights have an answer
        code, scale = self.genesis.currency, self.genesis.scale
        mine = {name: AmountView.of(getattr(counters, counter), code, scale) for name, counter in FIGURES.items()}
        wrong = [name for name, amount in mine.items() if getattr(said, name) != amount]
        if wrong or said.height != self.height:
            shown = "; ".join(f"{name} {getattr(said, name).value}, counted {mine[name].value}" for name in wrong)
            detail = shown or f"asked for block {self.height}, answered for {said.height}"
            evidence = said.proof.encode()[:4096]
            height = self.height
            await self._write(
                lambda tx, found: found.add("COUNTERS_FALSE", self.system, f"block {height}", detail, evidence)
            )

    def judge(self, tx: Transaction, findings: Findings, sizes: Mapping[str, int], rule: CurrencyRule | None) -> None:
        """Anchors, and the supply across issuance and ledger, after quota control's log was counted.

        sizes: role to what a log said to have after this round had read the chain. rule: as `Crossing.judge`.
        """
        if self.copy is None:
            return
        if QC in sizes:
            self.crossing.mark(self.height, sizes[QC])
        self.copy.anchored.judge(tx, findings, sizes)
        self.crossing.judge(tx, findings, self.copy, rule, is_current=self.caught_up)
