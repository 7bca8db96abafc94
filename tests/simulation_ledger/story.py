"""One story: a seed, its people, a node that dies now and then; every block is judged from outside and replayed."""

from __future__ import annotations

import asyncio
import random
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from specie.kernel.errors import Refused, Unavailable
from specie.ledger.engine.replay import Replay
from specie.ledger.errors import Deferred, Rejected
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import (
    OutputKind,
    ctx_fee,
    ctx_mint,
    ctx_refund,
    ctx_transfer,
    mask_fee,
    mask_refund,
)
from specie.ledger.messages.record import BlockRecord
from specie.ledger.store import reading
from tests.ledger.engine.house import Coin, House, purse
from tests.simulation_ledger.model import Intent, Model
from tests.simulation_ledger.node import POINTS, Crash, StoryNode, genesis_of
from tests.simulation_ledger.people import People

NAMES = ("alice", "bob", "carol", "dora", "emil")
TREASURY = "treasury"
STEPS = (9, 16)
ACTS = {
    "mint": 4,
    "pay": 12,
    "pay_twice": 2,
    "spend_spent": 1,
    "pay_too_little": 1,
    "withdraw": 4,
    "answer": 4,
    "time_out": 2,
    "escrow": 3,
    "anchor": 2,
    "govern": 1,
    "cancel": 1,
    "rubbish": 3,
    "replay": 2,
}
STEPS_MS = (1, 200, 200, 200, 1000)
LEAP_MS, LEAP_AFTER, LEAP_CHANCE = 7_200_000, 8, 0.3
"""Late enough that channels could be opened before; long enough that withdrawals time out."""
OUTDONE = frozenset(
    (
        "ledger.key_image_spent",
        "ledger.tx_duplicate",
        "ledger.withdraw_state",
        "ledger.control_bit_used",
        "ledger.mint_exists",
        "ledger.anchor_sequence",
        "ledger.fee_too_low",
        "ledger.wrong_ring_size",
        "ledger.ring_size",
    )
)
"""Refusals of what was sound when it was made: another came first, or the rules have changed since."""


@dataclass(slots=True)
class Outcome:
    """How a story ended."""

    seed: int
    faults: list[str]
    trace: list[str]
    figures: dict[str, int]

    @property
    def replay(self) -> str:
        return f"python -m tests.simulation_ledger --seed {self.seed} --trace"


@dataclass
class Story:
    """A chain from its founding on."""

    rng: random.Random
    node: StoryNode
    model: Model
    crash: float
    replay: Replay
    open: dict[bytes, Intent] = field(default_factory=dict)
    """By leaf: handed in and not answered for good."""
    seen: list[Intent] = field(default_factory=list)
    spent: list[tuple[str, Coin]] = field(default_factory=list)
    minted: dict[bytes, bytes] = field(default_factory=dict)
    """op_id of a mint to its mint_id."""
    final: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    """ident to (height, leaf), as it was answered."""
    effects: set[bytes] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
    headers: list[bytes] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    """Bytes of this step."""

    @property
    def house(self) -> House:
        return self.node.house()

    def note(self, what: str) -> None:
        self.trace.append(f"{self.node.height:4}  {what}")

    def count(self, name: str, number: int = 1) -> None:
        self.figures[name] = self.figures.get(name, 0) + number

    def fault(self, what: str) -> None:
        self.note(f"FAULT {what}")
        self.faults.append(what)

    def time_of(self, height: int) -> int:
        return Header.decode(self.headers[height]).time_ms

    # -- handing in

    def hand_in(self, intent: Intent) -> None:
        """Bytes of which is known what they do."""
        self.note(intent.what)
        if intent.leaf not in self.effects:
            self.open[intent.leaf] = intent
        self.seen.append(intent)
        self.pending.append(intent.data)

    def hand_in_rubbish(self, data: bytes) -> None:
        """Bytes that do nothing, unless they are what somebody handed in."""
        self.pending.append(data)
        self.count("rubbish")

    async def submit_all(self) -> None:
        """In any order; answers come later, refusals of form at once."""
        self.rng.shuffle(self.pending)
        for data in self.pending:
            try:
                if data[:4] == b"PLX1":
                    await self.node.engine.submit_envelope(data)
                else:
                    await self.node.engine.submit_operation(data)
            except (Refused, Unavailable):
                self.count("refused at the door")
        self.pending.clear()

    # -- one step

    async def step(self, people: People) -> None:
        """People act, a block is made or the node dies over it; then everything is looked at."""
        people.keep_epochs()
        for _ in range(self.rng.choice((1, 2, 3, 4))):
            getattr(people, self.rng.choices(list(ACTS), list(ACTS.values()))[0])()
        await self.submit_all()
        if self.rng.random() < self.crash:
            self.node.dies_at = self.rng.choice(POINTS)
        self.node.busy = int(self.rng.random() < 0.1)
        try:
            leaps = len(self.headers) > LEAP_AFTER and self.rng.random() < LEAP_CHANCE
            result = await self.node.block(LEAP_MS if leaps else self.rng.choice(STEPS_MS))
            self.node.dies_at = ""
        except Crash as crash:
            self.note(f"crash, {crash}")
            self.count("crashes")
            await self.restart()
            return
        self.look()
        for verdict in result.verdicts:
            if verdict.refusal is not None and not isinstance(verdict.refusal, Rejected | Deferred):
                self.fault(f"{verdict.refusal!r} is no refusal")
        await self.read_answers()

    async def restart(self) -> None:
        """A new life; clients send again what was not answered."""
        self.node.busy = 0
        await self.node.start()
        self.look()
        for ident, (height, leaf) in self.rng.sample(list(self.final.items()), min(3, len(self.final))):
            await self.check_again(ident, height, leaf)
        for intent in list(self.open.values()):
            if self.rng.random() < 0.8:
                self.pending.append(intent.data)
            else:
                del self.open[intent.leaf]

    # SPEC LEDGER-16.1.3, LEDGER-16.2.7, LEDGER-21.1.1
    async def check_again(self, ident: bytes, height: int, leaf: bytes) -> None:
        """What was answered final is final still, at its place."""
        found = await self.node.engine.submission(ident)
        if (found.state, found.height, found.leaf) != ("final", height, leaf.hex()):
            self.fault(f"{ident.hex()[:8]} was final in block {height} and is now {found.state} in {found.height}")

    async def read_answers(self) -> None:
        """What clients are told after the block."""
        for intent in list({id(each): each for each in [*self.seen[-40:], *self.open.values()]}.values()):
            entry = self.node.engine.provider.submissions.get(intent.ident)
            if entry is None or not entry.is_ended:
                continue
            if entry.state == "final":
                if intent.leaf not in self.effects:
                    self.fault(f"{intent.what} was answered final and stands in no block")
                self.final[intent.ident] = (entry.height or 0, entry.leaf or b"")
                continue
            code = str(getattr(entry.refusal, "code", entry.refusal))
            if self.open.pop(intent.leaf, None) is None:
                continue
            self.note(f"refused: {intent.what}: {code}: {getattr(entry.refusal, 'detail', '')}")
            self.count(code)
            gone = any(need in self.model.taken for need in intent.needs)
            if intent.sound and not (gone or code in OUTDONE):
                self.fault(f"{intent.what} was refused: {entry.refusal!r}")

    # -- judging from outside

    def look(self) -> None:
        """Every block that is durable and was not looked at yet."""
        rows = self.node.inner.read_now(lambda tx: reading.blocks_with_records(tx, len(self.headers), 100))
        for row, record, proofs in rows:
            self.headers.append(row.header)
            if row.height == 0:
                self.replay.check_first(row.header, row.finality, record)
                continue
            self.count("blocks")
            self.replay.follow(row.header, row.finality, record, proofs)
            self._judge(row.height, BlockRecord.decode(record))
        tip = self.node.engine.machine.tip
        if tip.app_hash != self.replay.tip.app_hash or tip.height != len(self.headers) - 1:
            self.fault(f"the replay stands at {self.replay.height}, the node at {tip.height}")
        if (tip.counters, tip.held) != (self.replay.tip.counters, self.replay.tip.held):
            self.fault("counters of the replay and of the node differ")
        self.faults += [f"block {tip.height}: {each}" for each in self.model.faults(tip.counters)]

    def _judge(self, height: int, record: BlockRecord) -> None:
        """What took effect was meant by somebody, and takes from nobody else."""
        leaves = [*record.tx_leaves, *(Frame.decode(data).op_id for data in record.frames)]
        held = {name: list(each.coins) for name, each in self.model.purses.items()}
        for leaf in leaves:
            intent = self.open.pop(leaf, None)
            if intent is None or leaf in self.effects:
                known = next((each for each in self.seen if each.leaf == leaf), None)
                if known is None or leaf in self.effects:
                    self.fault(f"{leaf.hex()[:8]} took effect in block {height}, which nobody meant, or meant once")
                    continue
                intent = known
            clash = [need for need in intent.needs if need in self.model.taken]
            if clash:
                self.fault(f"{intent.what} took effect in block {height}, but {clash} was gone")
            self.model.taken.update(intent.needs)
            self.effects.add(leaf)
            intent.effect(height)
            self.count(intent.what.split()[0])
        for name, before in held.items():
            left = self.model.purses[name].coins
            self.spent += [(name, coin) for coin in before if coin not in left]
        self._collect(height, record)

    def _collect(self, height: int, record: BlockRecord) -> None:
        """Wallets look for their outputs, kind by kind."""
        chain_id, header = self.node.genesis.chain_id, Header.decode(self.headers[height])
        first = Header.decode(self.headers[height - 1]).out_size
        items: list[tuple[bytes, bytes, int, bytes]]
        items = [(ctx_transfer(chain_id), each.data, OutputKind.TRANSFER, b"") for each in record.outputs]
        for data in record.frames:
            frame = Frame.decode(data)
            if frame.type == OpType.MINT:
                ctx = ctx_mint(chain_id, self.minted[frame.op_id])
                items += [(ctx, output, OutputKind.MINT, b"") for output in _outputs_of(data)]
        refunds = {ctx_refund(chain_id, ref): mask_refund(chain_id, ref) for ref in self.model.withdrawals}
        for made in record.public_outputs:
            mask = bytes(32)  # payouts go to nobody here
            if made.kind == OutputKind.FEE:
                assert made.ctx == ctx_fee(chain_id, height)
                mask = mask_fee(header.prev_app_hash, height)
            elif made.kind == OutputKind.REFUND:
                mask = refunds[made.ctx]
            items.append((made.ctx, made.output.data, OutputKind(made.kind), mask))
        if first + len(items) != header.out_size:
            self.fault(f"block {height} has {len(items)} outputs, its log {header.out_size - first}")
        for each in self.model.purses.values():
            for place, found in enumerate(each.keys.open(items)):
                if found is not None and found.status == "ours" and found.value:
                    ctx, data, kind, mask = items[place]
                    each.coins.append(Coin(first + place, ctx, kind, data, found.value, mask))


def _outputs_of(frame: bytes) -> list[bytes]:
    from specie.ledger.messages.bodies import Mint

    return [output.data for output in Mint.decode(Frame.decode(frame).body).outputs]


def write_chain(story: Story, folder: Path) -> None:
    """The chain as the stand-alone verifier reads it."""
    (folder / "genesis.cbor").write_bytes(story.node.genesis.encode())
    rows = story.node.inner.read_now(lambda tx: reading.blocks_with_records(tx, 0, 1000))
    for row, record, proofs in rows:
        (folder / f"{row.height}.header").write_bytes(row.header + row.finality)
        (folder / f"{row.height}.record").write_bytes(record)
        if proofs is not None:
            (folder / f"{row.height}.proofs").write_bytes(proofs)


async def _tell(seed: int, folder: Path | None) -> Outcome:
    rng = random.Random(seed)
    names = [*NAMES[: rng.choice((3, 4, 5))], TREASURY]
    model = Model({name: purse(name) for name in names}, TREASURY)
    genesis = genesis_of(model.purses[TREASURY])
    with StoryNode(rng, genesis) as node:
        story = Story(rng, node, model, rng.choice((0.0, 0.1, 0.3)), Replay(genesis))
        try:
            await node.start()
            story.look()
            people = People(story)
            people.begin()
            for _ in range(rng.randrange(*STEPS)):
                await story.step(people)
            await _end(story)
            if folder is not None:
                write_chain(story, folder)
        except Exception as error:
            lines = "".join(traceback.format_exception(error)[-4:]).rstrip()
            story.fault(f"{type(error).__name__}: {error}\n{lines}")
        story.faults += node.alarms.heard
        return Outcome(seed, story.faults, story.trace, story.figures)


async def _end(story: Story) -> None:
    """No more crashes: what is open ends, the node starts once more, and stands where it stood."""
    story.crash = 0.0
    for _ in range(2):
        story.pending += [intent.data for intent in story.open.values()]
        await story.submit_all()
        await story.node.block(200)
        story.look()
        await story.read_answers()
    before = story.node.engine.machine.tip
    await story.node.start()
    after = story.node.engine.machine.tip
    if (before.app_hash, before.counters, before.held) != (after.app_hash, after.counters, after.held):
        story.fault("the node that started again does not stand where it stood")
    for ident, (height, leaf) in story.final.items():
        await story.check_again(ident, height, leaf)


def tell(seed: int, folder: Path | None = None) -> Outcome:
    """Play the story of a seed; its chain is written into a folder, if one is given."""
    return asyncio.run(_tell(seed, folder))
