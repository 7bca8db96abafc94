"""A running node for tests: the engine with the embedded provider, over a store in memory or in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from specie.crypto.secret import Secret
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.db import Database
from specie.kms.api import KeyUri
from specie.kms.keystore import FileKeystore
from specie.ledger.engine.embedded import EmbeddedSettings
from specie.ledger.engine.ledger import LedgerEngine, Node
from specie.ledger.engine.ports import ChainFacts, Observer
from specie.ledger.messages.genesis import Genesis
from tests.ledger import makers
from tests.ledger.engine.house import HeldKeys, House, memory

START_US = makers.START_S * 1_000_000


class Alarms(Observer):
    """Keeps what the engine shouts."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def alarm(self, code: str, detail: str) -> None:
        self.heard.append(f"{code} {detail}")


class EpochDuty:
    """Publishes epoch 1 at the start, and nothing more."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def frames(self, chain: ChainFacts) -> Sequence[bytes]:
        return [self._house.epoch()] if not chain.epochs else []


def keystore(folder: Path) -> tuple[FileKeystore, KeyUri, Genesis]:
    """A key store with a validator key, and the genesis document that names it."""
    store = FileKeystore(folder / "keys", Secret(b"passphrase"), scrypt_n=2, inline=True)
    public = store.create("validator", "ed25519", ("block",))
    return store, store.uri("validator"), makers.genesis(validators=(public.bytes,))


class Running:
    """A node and the hand that moves its time."""

    def __init__(self, folder: Path, *, settings: EmbeddedSettings | None = None) -> None:
        self.store, self.uri, self.genesis = keystore(folder)
        self.folder = folder
        self.clock = ManualClock(START_US + 1_000_000)
        self.keys = HeldKeys()
        self.alarms = Alarms()
        self.settings = settings or EmbeddedSettings(threads=False)
        self.database: Database = memory()
        self.engine: LedgerEngine

    async def start(self, duties: Sequence[EpochDuty] = (), *, marked: bool = False) -> LedgerEngine:
        """Open the engine over the database as it stands."""
        self.engine = await LedgerEngine.open(
            self.genesis.encode(),
            self.database,
            self.store,
            self.uri,
            self.keys,
            self.clock,
            SeededRandomness(3),
            self.folder if marked else None,
            self.alarms,
            duties=duties,
            node=Node(settings=self.settings),
            monotonic=lambda: self.clock.now_us() / 1_000_000,
        )
        return self.engine

    def house(self) -> House:
        """Hands over the same machine, to build transactions."""
        house = House.__new__(House)
        house.genesis, house.chain_id = self.genesis, self.genesis.chain_id
        house.database, house.keys = self.database, self.keys
        house.random = SeededRandomness(11)
        house.machine = self.engine.machine
        return house

    async def turn(self, ms: int = 200) -> None:
        """Judge all that waits, then make one block."""
        provider = self.engine.provider
        while len(provider.intake):
            await provider.check(provider.intake.take_now())
        self.clock.advance(ms * 1000)
        await provider.make_block()
