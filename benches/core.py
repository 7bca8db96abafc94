"""Quota control in process: control bits per second of the engine alone, and what batching gains.

ISSUANCE-22.4 and 22.8. PostgreSQL with fsync on, presentations made beforehand; hundreds of single calls at a time.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from harness import Result, at_least, figure, main

from specie.app.build import Part, apply_founding
from specie.app.config.model import Config
from specie.app.telemetry import new_registry
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.kernel.clock import SystemClock
from tests.postgres import PostgresCluster
from tests.presenting import Presenter
from tests.services import CM, IS, QC, make_deployment

SUBMITTERS = 256
CLIENTS = 64
"""Of the comparison with an unbatched writer."""


class Core:
    """One quota control in this process."""

    def __init__(self, config: Config, batch_max: int) -> None:
        self.part = Part(config, QC, new_registry(), SystemClock())
        self.batch_max = batch_max
        self.peer = config.system(IS).id
        self.central_management = config.system(CM).id

    async def open(self) -> QuotaControlEngine:
        desk = await self.part.open()
        keys = await self.part.agreement_keys()
        engine = QuotaControlEngine(desk, keys, self.central_management, batch_max=self.batch_max)
        self.part.engine = engine
        await apply_founding(self.part.config, engine)
        return engine

    async def rate(self, engine: QuotaControlEngine, shown: list[bytes], submitters: int) -> float:
        """Single calls by so many submitters; control bits per second."""
        waiting = iter(shown)

        async def submit() -> None:
            for data in waiting:
                (answer,) = await engine.control_bits([data], peer=self.peer)
                if isinstance(answer, Exception):
                    raise answer

        begun = time.perf_counter()
        await asyncio.gather(*(submit() for _ in range(submitters)))
        return len(shown) / (time.perf_counter() - begun)


async def measure(quick: bool) -> dict[str, Result]:
    cluster = PostgresCluster()
    cluster.start()
    try:
        return await run(cluster, quick)
    finally:
        cluster.remove()


async def run(cluster: PostgresCluster, quick: bool) -> dict[str, Result]:
    most = await one(cluster, 64, SUBMITTERS, 10_000 if quick else 40_000)
    batched = await one(cluster, 64, CLIENTS, 5_000 if quick else 15_000)
    single = await one(cluster, 1, CLIENTS, 1_000 if quick else 4_000)
    return {
        "qc_core_per_s": at_least(most, "1/s", 7_000, f"{SUBMITTERS} submitters of single calls, PostgreSQL fsync on"),
        "batched_vs_unbatched_ratio": at_least(
            batched / single, "x", 5, f"batches of up to 64 against batches of 1, {CLIENTS} clients, the same engine"
        ),
        "batched_per_s": figure(batched, "1/s", f"batches of up to 64, {CLIENTS} clients"),
        "unbatched_per_s": figure(single, "1/s", f"batches of 1, {CLIENTS} clients"),
    }


async def one(cluster: PostgresCluster, batch_max: int, submitters: int, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        database = cluster.url(cluster.take_database())
        deployment = await make_deployment(Path(folder), {QC: database})
        core = Core(deployment.config, batch_max)
        engine = await core.open()
        try:
            presenter = Presenter(deployment.config)
            warm, shown = await presenter.make(300), await presenter.make(count)
            await core.rate(engine, warm, submitters)
            return await core.rate(engine, shown, submitters)
        finally:
            await core.part.close()


if __name__ == "__main__":
    main("core", measure)
