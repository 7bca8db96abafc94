"""The node of a story: the real engine over real SQLite, which may die at any point of a block and starts again."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.db import DatabaseBusy, Transaction
from specie.kms.api import KeyUri
from specie.kms.messages import PublicKey
from specie.ledger.api import BlockResult
from specie.ledger.engine import embedded
from specie.ledger.engine.embedded import EmbeddedSettings
from specie.ledger.engine.ledger import LedgerEngine, Node
from specie.ledger.engine.ports import Observer
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import block_signature_input
from specie.ledger.messages.parameters import Parameter
from tests.ledger import makers
from tests.ledger.engine.house import HeldKeys, House, Purse, memory
from tests.ledger.escrow.makers import START_MS, Key

T = TypeVar("T")
VALIDATOR = KeyUri.kms("story", "validator")
MEMORY = Path("/dev/shm")
"""Where a file is synced at once."""
TIMEOUT_S = 3600
POINTS = ("judged", "executed", "signed", "writing", "committed", "marked")
"""Where a node dies: before the block, before and after its signature, inside and after its commit, after the mark."""


class Crash(BaseException):
    """The process is gone."""


def genesis_of(treasury: Purse) -> Genesis:
    """One document for all stories, so that what costs time to sign is signed once. Fees go to the treasury."""
    shift = START_MS // 1000 - makers.START_S
    entries = [*makers.authorities(), makers.channel_entry(Key.of("bank").public)]
    entries = [replace(each, nbf=each.nbf + shift) for each in entries]
    settings = {
        Parameter.FEE_ADDRESS: treasury.pay,
        Parameter.WITHDRAW_TIMEOUT: TIMEOUT_S,
        Parameter.ANCHOR_WINDOW: 10,
        Parameter.EPOCH_BLOCKS: 100,
    }
    return makers.genesis(
        settings=settings,
        authorities=tuple(sorted(entries, key=lambda each: each.kid)),
        created=START_MS // 1000,
    )


class Signer:
    """`Keys` with the validator's key; it may take the node with it."""

    def __init__(self, node: StoryNode) -> None:
        self._node = node

    async def public_key(self, key: KeyUri) -> PublicKey:
        return PublicKey(makers.key("validator").public(), "ed25519", "file", "software")

    async def sign(self, key: KeyUri, kind: str, payload: bytes, req_id: bytes) -> bytes:
        self._node.reach("executed")
        height = int.from_bytes(payload[32:40], "little")
        signature = makers.key("validator").sign(block_signature_input(payload[:32], height, payload[40:]))
        self._node.reach("signed")
        return signature


class Disk:
    """`Database` whose commits are durable: the next one may be cut off, be the node's last, or find it busy."""

    def __init__(self, node: StoryNode, inner: Any) -> None:
        self._node, self._inner = node, inner
        self.dialect = inner.dialect

    def write_now(self, work: Callable[[Transaction], T]) -> T:
        node = self._node
        if node.busy:
            node.busy -= 1
            raise DatabaseBusy("the database is busy")

        def cut(tx: Transaction) -> T:
            done = work(tx)
            node.reach("writing")
            return done

        answer: T = self._inner.write_now(cut)
        node.reach("committed")
        return answer

    async def write(self, work: Callable[[Transaction], T]) -> T:
        return self.write_now(work)

    def read_now(self, work: Callable[[Transaction], T]) -> T:
        found: T = self._inner.read_now(work)
        return found

    async def read(self, work: Callable[[Transaction], T]) -> T:
        return self.read_now(work)

    async def close(self) -> None:
        """The data outlives the node."""

    def close_now(self) -> None:
        """The data outlives the node."""


class Alarms(Observer):
    """Keeps what the engine shouts: in a story nothing should."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def alarm(self, code: str, detail: str) -> None:
        self.heard.append(f"alarm {code}: {detail}")

    def supply(self, escrow_pool: int, difference: int) -> None:
        if difference:
            self.heard.append(f"the escrow pool is off by {difference}")


class StoryNode:
    """One node through all its lives. A context; its folder holds the mark alone."""

    def __init__(self, rng: random.Random, genesis: Genesis) -> None:
        self.rng, self.genesis = rng, genesis
        self.inner = memory()
        self.disk = Disk(self, self.inner)
        self.keys = HeldKeys()
        self.clock = ManualClock(START_MS * 1000 + 1_000_000)
        self.alarms = Alarms()
        self.busy = 0
        self.dies_at = ""
        self.lives = 0
        self._folder = tempfile.TemporaryDirectory(prefix="specie-story-", dir=MEMORY if MEMORY.is_dir() else None)
        self.engine: LedgerEngine

    def __enter__(self) -> StoryNode:
        # a busy database is asked again at once: nobody's time passes in a story
        self._retry_s, embedded.RETRY_S = embedded.RETRY_S, 0
        return self

    def __exit__(self, *_: object) -> None:
        embedded.RETRY_S = self._retry_s
        self._folder.cleanup()

    def reach(self, point: str) -> None:
        """A point of a block. Raises Crash where this is the node's last."""
        if self.dies_at == point:
            self.dies_at = ""
            raise Crash(point)

    async def start(self) -> None:
        """A new life over what the disk holds."""
        self.lives += 1
        self.engine = await LedgerEngine.open(
            self.genesis.encode(),
            self.disk,  # type: ignore[arg-type]
            Signer(self),
            VALIDATOR,
            self.keys,
            self.clock,
            SeededRandomness(self.rng.getrandbits(32)),
            Path(self._folder.name),
            self.alarms,
            node=Node(settings=EmbeddedSettings(threads=False)),
            monotonic=lambda: self.clock.now_us() / 1_000_000,
        )
        mark = self.engine.provider._mark
        assert mark is not None
        write = mark.write

        def write_and_reach(height: int, app_hash: bytes) -> None:
            write(height, app_hash)
            self.reach("marked")

        mark.write = write_and_reach  # type: ignore[method-assign]

    def house(self) -> House:
        """The same machine, to build transactions with."""
        house = House.__new__(House)
        house.genesis, house.chain_id = self.genesis, self.genesis.chain_id
        house.database, house.keys = self.inner, self.keys
        house.random = SeededRandomness(self.rng.getrandbits(32))
        house.machine = self.engine.machine
        return house

    @property
    def height(self) -> int:
        return self.engine.machine.tip.height

    async def judge(self) -> None:
        """Micro-batches of what was submitted, of any size."""
        provider = self.engine.provider
        while len(provider.intake):
            batch = provider.intake.take_now()
            cut = self.rng.randrange(len(batch)) if len(batch) > 1 else 0
            for part in (batch[:cut], batch[cut:]):
                if part:
                    await provider.check(part)

    async def block(self, step_ms: int) -> BlockResult:
        """One block of what waits. Raises Crash."""
        await self.judge()
        self.reach("judged")
        self.clock.advance(step_ms * 1000)
        return await self.engine.provider.make_block()
