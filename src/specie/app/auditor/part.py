"""The auditor as a service: its own store, its witness key, its rounds, its doors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import Gauge

from specie.app.auditor import migrations
from specie.app.auditor.figures import Figures
from specie.app.auditor.following import Auditor, Limits, Source
from specie.app.auditor.ledger import ChainFollower, ChainLimits
from specie.app.auditor.rules import RuleReader
from specie.app.auditor.service import auditor_routes
from specie.app.auditor.witnessing import Witness
from specie.app.config.model import AUDITOR, VERIFICATION_NODE, Config
from specie.app.founding import pinned_roots
from specie.app.keyfolders import system_store
from specie.app.opening import prepare_folder
from specie.kernel.clock import Clock, SystemRandomness
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import run_migrations
from specie.kernel.errors import Refused, Unavailable
from specie.kernel.ids import uuid7

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from specie.kms.keystore import FileKeystore
    from specie.ledger.api import Ledger
    from specie.ledger.messages.genesis import Genesis

EMBEDDED_LIMITS = Limits(leaves=2_000, settle=2_000)
"""A sandbox shares its processor with the auditor."""
EMBEDDED_CHAIN = ChainLimits(blocks=500)
EMBEDDED_EVERY_S = 10


@dataclass(frozen=True, slots=True)
class Gauges:
    """Figures for the metrics."""

    findings: Gauge
    emergencies: Gauge
    read: Gauge
    behind: Gauge
    witnessed: Gauge
    chain_height: Gauge
    chain_behind: Gauge

    @classmethod
    def make(cls, registry: CollectorRegistry) -> Gauges:
        return cls(
            Gauge("specie_auditor_findings_open", "Findings that are not resolved.", registry=registry),
            Gauge("specie_auditor_emergencies", "Findings that nothing makes good.", registry=registry),
            Gauge("specie_auditor_log_read", "Leaves read of a log.", ["system"], registry=registry),
            Gauge("specie_auditor_log_behind", "Leaves not read yet.", ["system"], registry=registry),
            Gauge(
                "specie_auditor_witnessed_size",
                "Size of the newest witnessed checkpoint.",
                ["system"],
                registry=registry,
            ),
            Gauge("specie_auditor_chain_height", "Last block executed again.", ["system"], registry=registry),
            Gauge("specie_auditor_chain_behind", "Blocks not executed yet.", ["system"], registry=registry),
        )


class AuditorPart:
    """One auditor of this process."""

    def __init__(self, config: Config, registry: CollectorRegistry, clock: Clock, *, embedded: bool) -> None:
        self.config = config
        self.settings = config.system(AUDITOR)
        self.clock = clock
        self.gauges = Gauges.make(registry)
        self.embedded = embedded
        self.behind = 0
        """Leaves that the logs have beyond what was read."""
        self.every_s = EMBEDDED_EVERY_S if embedded else config.auditor.every_s
        self.limits = EMBEDDED_LIMITS if embedded else Limits()
        self.chain_limits = EMBEDDED_CHAIN if embedded else ChainLimits()
        self.database: Database | None = None
        self.auditor: Auditor | None = None
        self.last_error = ""
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    async def open(self) -> None:
        """Migrate and open the store, find the witness key. No system is asked for anything yet."""
        url = self.settings.database
        prepare_folder(url)
        assert migrations.__file__ is not None
        await asyncio.to_thread(run_migrations, url, Path(migrations.__file__).parent)
        self.database = open_database(url, self.clock)
        reader = RuleReader(pinned_roots(self.config), self.config.environment)
        self.auditor = Auditor(self.database, {}, reader, self.clock, await self._witness(), self.limits)

    def follow(self, sources: Mapping[str, Source]) -> None:
        """Whom to follow; the logs are there after the systems have been opened."""
        assert self.auditor is not None
        self.auditor.sources = sources

    # SPEC LEDGER-8.4.1, LEDGER-9.4.2
    def follow_chain(self, genesis: Genesis, ledger: Ledger) -> None:
        """Which chain to follow, and whom to ask for it; after `follow`."""
        assert self.auditor is not None and self.database is not None
        self.auditor.chain = ChainFollower(
            genesis,
            ledger,
            self.config.system(VERIFICATION_NODE).id,
            self.database,
            self.clock,
            {role: source.system for role, source in self.auditor.sources.items()},
            self.chain_limits,
        )

    async def _witness(self) -> Witness | None:
        """The key with which checkpoints are cosigned; an auditor without one only reads."""
        try:
            keys: FileKeystore = system_store(self.config, AUDITOR)
            keys.check()
            names = keys.key_ids()
            uri = keys.uri(names[0])
            public = (await keys.public_key(uri)).bytes
        except (Refused, Unavailable, IndexError) as error:
            structlog.get_logger("specie.auditor").warning("no_witness_key", detail=str(error))
            return None

        async def sign(payload: bytes) -> bytes:
            ident = uuid7(self.clock.now_us(), SystemRandomness())
            return bytes(await keys.sign(uri, "note", payload, ident))

        return Witness(self.settings.id, public, sign)

    @property
    def figures(self) -> Figures:
        """Read-only views."""
        assert self.auditor is not None
        return Figures(self.auditor, self.settings.id)

    def begin(self) -> None:
        """Start the rounds beside the doors."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while not self._stopping.is_set():
            await self.step()
            if (self.behind or self._has_blocks) and not self.embedded and not self.last_error:
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self.every_s)

    @property
    def _has_blocks(self) -> bool:
        chain = None if self.auditor is None else self.auditor.chain
        return chain is not None and chain.has_more

    async def step(self) -> None:
        """One round that never raises; what stopped it is shown by /readyz."""
        assert self.auditor is not None
        try:
            async with self._one_at_a_time:
                await self.auditor.step()
            self.last_error = ""
            await self._set_gauges()
        except Exception as error:
            self.last_error = f"{type(error).__name__}: {error}"
            structlog.get_logger("specie.auditor").error("round_failed", exc_info=error)

    async def _set_gauges(self) -> None:
        status = await self.figures.status()
        self.gauges.findings.set(status["findings_open"])
        self.gauges.emergencies.set(status["emergencies"])
        self.behind = sum(log["behind"] for log in status["logs"].values() if not log["stopped"])
        for system, log in status["logs"].items():
            self.gauges.read.labels(system).set(log["read"])
            self.gauges.behind.labels(system).set(log["behind"])
            self.gauges.witnessed.labels(system).set(log["witnessed"])
        if (chain := status["ledger"]) is not None:
            self.gauges.chain_height.labels(chain["system"]).set(chain["height"])
            self.gauges.chain_behind.labels(chain["system"]).set(chain["behind"])

    async def close(self) -> None:
        """End the rounds, close the store."""
        self._stopping.set()
        if self._task is not None:
            await self._task
        if self.database is not None:
            await self.database.close()

    def routes(self) -> list[Any]:
        """The doors of the auditor."""
        return auditor_routes(self.figures)

    async def readiness(self) -> dict[str, bool | str]:
        """Whether it works; what it finds is no fault of its own and stands in its status."""
        if self.auditor is None:
            return {"started": "not yet"}
        return {"rounds": not self.last_error or self.last_error}
