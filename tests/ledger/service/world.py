"""A living chain of one node with its doors: engine, epoch keeper, trusted node, HTTP server and clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from litestar import Router

import specie.ledger.store.migrations
from ledger import makers
from specie.app.http.client import ServiceClient
from specie.crypto.secret import Secret
from specie.enclave.simulated import SimulatedEnclave, measure_release
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.db import open_database
from specie.kernel.db.migrate import run_migrations
from specie.kms.keystore import FileKeystore
from specie.ledger.client import LedgerClient, TrustedNodeClient
from specie.ledger.engine.embedded import EmbeddedSettings
from specie.ledger.engine.ledger import LedgerEngine, Node
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.parameters import AdmittedEnclave, Enclaves, Parameters
from specie.ledger.messages.views import Submitted
from specie.ledger.node import EpochKeeper, FolderVault, LogReplica, RingService, ScanService, Sessions, TrustedNode
from specie.ledger.service import ledger_routes, trusted_node_routes
from tests.app.serving import application, serving

MIGRATIONS = Path(specie.ledger.store.migrations.__file__).parent
CODE = measure_release("test")
WAIT_S = 10


@dataclass
class World:
    """What a test can ask and do."""

    engine: LedgerEngine
    client: LedgerClient
    node: TrustedNode
    node_client: TrustedNodeClient
    port: int
    genesis: Genesis
    enclave: SimulatedEnclave
    keeper: EpochKeeper
    clock: ManualClock

    @property
    def parameters(self) -> Parameters:
        """Those of block 0."""
        return self.genesis.parameters()

    def change(self, changes: dict[int, Any], version: int = 1) -> bytes:
        """A change of parameters by governance, in effect from the block after next."""
        effective = self.engine.machine.tip.height + 2
        return makers.change(self.genesis.chain_id, version, effective, changes).data

    def anchor(self, sequence: int) -> bytes:
        """An anchor of quota control's log."""
        return makers.anchor(self.genesis.chain_id, sequence, sequence).data

    async def make_final(self, *frames: bytes) -> Submitted:
        """One block for each frame; the answer to the first."""
        answers = [await self.engine.submit_operation(frame, WAIT_S) for frame in frames]
        assert {answer.state for answer in answers} == {"final"}, answers
        return answers[0]


def genesis_with(enclave: SimulatedEnclave) -> Genesis:
    """A dev chain that has admitted this enclave."""
    admitted = AdmittedEnclave(0, enclave.public_key, CODE, sha256(b"quote").digest())
    return makers.genesis(enclaves=Enclaves((CODE,), (admitted,)))


def keys_in(folder: Path) -> FileKeystore:
    """A key store with the validator's key."""
    store = FileKeystore(folder, Secret(b"passphrase"), scrypt_n=2)
    seed = sha256(b"ledger-test-key/validator").digest()
    if not store.key_ids():
        store.add("validator", "ed25519", ["block"], Secret(seed), SeededRandomness(8))
    return store


@asynccontextmanager
async def living(folder: Path, suite: int = 1) -> AsyncIterator[World]:
    """A chain from its genesis on, or from where the folder left it; its first epoch key is in block 1."""
    clock = ManualClock()
    clock.advance(seconds=60)
    enclave = SimulatedEnclave(Secret(bytes(32)), measurement=CODE, clock=clock, randomness=SeededRandomness(1))
    genesis = genesis_with(enclave)
    keeper = EpochKeeper(enclave, genesis.chain_id, FolderVault(folder / "epochs"), SeededRandomness(2), suite=suite)
    keeper.open()
    url = f"sqlite:///{folder / 'ledger.db'}"
    run_migrations(url, MIGRATIONS)
    database = open_database(url, clock)
    keys = keys_in(folder / "keys")
    engine = await LedgerEngine.open(
        genesis.encode(),
        database,
        keys,
        keys.uri("validator"),
        keeper,
        clock=clock,
        randomness=SeededRandomness(3),
        folder=folder,
        duties=[keeper],
        node=Node(settings=EmbeddedSettings(block_interval_ms=10)),
    )
    sessions = Sessions(enclave, genesis.chain_id, clock, SeededRandomness(4))
    rings, scans = RingService(LogReplica(engine)), ScanService(engine)
    node = TrustedNode(engine, sessions, rings, scans, rings_slot_s=0, scan_slot_s=0)
    routes = Router(path="/v1", route_handlers=[*ledger_routes(engine), *trusted_node_routes(node)])
    try:
        async with serving(application([routes])) as server:
            caller = ServiceClient(f"http://127.0.0.1:{server.port}")
            world = World(
                engine,
                LedgerClient(caller),
                node,
                TrustedNodeClient(caller),
                server.port,
                genesis,
                enclave,
                keeper,
                clock,
            )
            if engine.machine.tip.height < 2:
                await world.make_final(world.anchor(1))
            yield world
            await caller.close()
    finally:
        await engine.close()
        await database.close()
