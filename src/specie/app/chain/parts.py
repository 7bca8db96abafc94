"""The two roles of the ledger as services: a verification node (embedded consensus) and a trusted node (mode T0)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from specie.app.chain.founding import VALIDATOR, genesis_file, open_enclave, read_genesis
from specie.app.config.model import TRUSTED_NODE, VERIFICATION_NODE, Config
from specie.app.keyfolders import system_store
from specie.app.opening import prepare_folder
from specie.enclave.messages import BANNER
from specie.kernel.clock import Clock, SystemRandomness
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import run_migrations
from specie.kernel.errors import Refused, Unavailable
from specie.ledger import store as store_package
from specie.ledger.engine.embedded import EmbeddedSettings
from specie.ledger.engine.ledger import LedgerEngine, Node
from specie.ledger.engine.ports import Observer
from specie.ledger.node import EpochKeeper, FolderVault, LogReplica, RingService, ScanService, Sessions, TrustedNode
from specie.ledger.node.epochs import HYBRID_SUITE
from specie.ledger.service import LedgerMetrics, ledger_routes, readiness, trusted_node_routes

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from specie.enclave.simulated import SimulatedEnclave
    from specie.ledger.api import Ledger

assert store_package.__file__ is not None
MIGRATIONS = Path(store_package.__file__).parent / "migrations"


# SPEC LEDGER-1.2
def announce(role: str) -> None:
    """The log says that the enclave is simulated; people read it on their terminal (`app.cli.serve`, the demo)."""
    structlog.get_logger("specie.ledger").info("enclave_simulated", role=role, detail=BANNER)


class LoudMetrics(LedgerMetrics, Observer):
    """The figures of LEDGER section 21.7; alarms go to the log too."""

    def alarm(self, code: str, detail: str) -> None:
        super().alarm(code, detail)
        structlog.get_logger("specie.ledger").error("alarm", code=code, detail=detail)


class VerificationPart:
    """One verification node: store, enclave, epoch keys, engine, doors."""

    role = VERIFICATION_NODE

    def __init__(self, config: Config, registry: CollectorRegistry, clock: Clock, *, alone: bool) -> None:
        self.config = config
        self.alone = alone
        self.settings = config.system(VERIFICATION_NODE)
        self.clock = clock
        self.metrics = LoudMetrics(registry)
        self.database: Database | None = None
        self.engine: LedgerEngine | None = None
        self.keeper: EpochKeeper | None = None

    async def open(self) -> LedgerEngine:
        """Migrate the store, open the enclave, load the chain, begin to make blocks. Raises as `LedgerEngine.open`."""
        announce(self.role)
        randomness = SystemRandomness()
        keys = system_store(self.config, self.role)
        keys.check()
        prepare_folder(self.settings.database)
        await asyncio.to_thread(run_migrations, self.settings.database, MIGRATIONS)
        self.database = open_database(self.settings.database, self.clock)
        folder = self.config.data_dir / self.role
        enclave = await open_enclave(keys, folder, self.clock, randomness)
        genesis = genesis_file(self.config).read_bytes()
        # what is harvested now must stay closed to whoever has a quantum computer later (LEDGER section 2)
        vault = FolderVault(folder / "epochs")
        keeper = EpochKeeper(enclave, read_genesis(self.config).chain_id, vault, randomness, suite=HYBRID_SUITE)
        await asyncio.to_thread(keeper.open)
        self.keeper = keeper
        settings = self.config.ledger.verification_node
        self.engine = await LedgerEngine.open(
            genesis,
            self.database,
            keys,
            keys.uri(VALIDATOR),
            keeper,
            clock=self.clock,
            randomness=randomness,
            folder=folder,
            duties=(keeper, self.metrics),
            observer=self.metrics,
            node=Node(
                separation_of_duties=self.alone,
                settings=EmbeddedSettings(block_interval_ms=settings.block_interval_ms, archive=settings.archive),
            ),
        )
        return self.engine

    def routes(self) -> list[Any]:
        assert self.engine is not None
        return ledger_routes(self.engine)

    async def readiness(self) -> dict[str, bool | str]:
        """Database, current epoch key, blocks, for /readyz (LEDGER section 21.7)."""
        if self.engine is None or self.keeper is None:
            return {"started": "not yet"}
        keeper = self.keeper
        return dict(await readiness(self.engine, lambda epoch: keeper.key(epoch) is not None)())

    async def close(self) -> None:
        if self.engine is not None:
            await self.engine.close()
        if self.database is not None:
            await self.database.close()


class TrustedPart:
    """One trusted node: an enclave of its own, over the ledger of this process or of another."""

    role = TRUSTED_NODE

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.settings = config.system(TRUSTED_NODE)
        self.clock = clock
        self.node: TrustedNode | None = None
        self.enclave: SimulatedEnclave | None = None
        self._ledger: Ledger | None = None

    async def open(self, ledger: Ledger) -> TrustedNode:
        """Open the enclave; nothing is asked of the ledger yet."""
        announce(self.role)
        randomness = SystemRandomness()
        keys = system_store(self.config, self.role)
        keys.check()
        self._ledger = ledger
        self.enclave = await open_enclave(keys, self.config.data_dir / self.role, self.clock, randomness)
        sessions = Sessions(self.enclave, read_genesis(self.config).chain_id, self.clock, randomness)
        self.node = TrustedNode(ledger, sessions, RingService(LogReplica(ledger)), ScanService(ledger))
        return self.node

    def routes(self) -> list[Any]:
        assert self.node is not None
        return trusted_node_routes(self.node)

    async def readiness(self) -> dict[str, bool | str]:
        """The ledger behind it answers."""
        if self.node is None or self._ledger is None:
            return {"started": "not yet"}
        try:
            await self._ledger.status()
        except (Refused, Unavailable) as error:
            return {"ledger": str(error)}
        return {"ledger": True}
