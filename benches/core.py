"""Quota control in process: control bits per second of its core, of the whole engine, and what batching gains.

ISSUANCE-22.4 and 22.8, PostgreSQL with fsync on, hundreds of single calls at a time. The bar of the core comes from the
prototype of section 9.5, which decided, committed and signed but did not verify; so the core is measured here over
presentations that were opened beforehand (Q11 to Q17, commit, signature, its storing, the answer). The whole engine,
with its three verifications and its unsealing for each bit (Q1 to Q17), stands beside it without a bar.
"""

# SPEC ISSUANCE-22.4, ISSUANCE-22.8
from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from harness import Result, at_least, figure, main

from specie.app.config.model import Config
from specie.app.part import Part, apply_founding
from specie.app.process import tune
from specie.app.telemetry import new_registry
from specie.issuance.engine.intake import Intake
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.issuance.engine.quota_control.uses import UseItem
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

    async def whole(self, engine: QuotaControlEngine, shown: list[bytes], submitters: int) -> float:
        """Q1 to Q17 by single calls of so many submitters; control bits per second."""

        async def submit(data: bytes) -> None:
            (answer,) = await engine.control_bits([data], peer=self.peer)
            if isinstance(answer, Exception):
                raise answer

        return await rate(submit, shown, submitters)

    async def core(self, engine: QuotaControlEngine, shown: list[bytes], submitters: int) -> float:
        """Q11 to Q17 by single calls of so many submitters, over presentations that are opened first."""
        keys = engine.desk.key_set(await engine.desk.current())
        opened = engine.opener.open(shown, [self.peer] * len(shown), keys, engine.desk.now_s())

        async def work(items: Sequence[Any]) -> list[Any]:
            return await engine.finish(await engine.writer.submit_many([UseItem(item) for item in items]))

        intake: Intake[Any, Any] = Intake(work, batch_max=self.batch_max)

        async def submit(item: Any) -> None:
            (answer,) = await intake.submit_many([item], self.peer)
            if isinstance(answer, Exception):
                raise answer

        return await rate(submit, opened, submitters)


async def rate(submit: Callable[[Any], Awaitable[None]], items: Sequence[Any], submitters: int) -> float:
    """Items per second, each submitter making its next call when its last is answered."""
    waiting = iter(items)

    async def one() -> None:
        for item in waiting:
            await submit(item)

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(submitters)))
    return len(items) / (time.perf_counter() - begun)


async def measure(quick: bool) -> dict[str, Result]:
    cluster = PostgresCluster()
    cluster.start()
    try:
        return await run(cluster, quick)
    finally:
        cluster.remove()


async def run(cluster: PostgresCluster, quick: bool) -> dict[str, Result]:
    core = await one(cluster, Core.core, 64, SUBMITTERS, 8_000 if quick else 40_000)
    whole = await one(cluster, Core.whole, 64, SUBMITTERS, 6_000 if quick else 25_000)
    batched = await one(cluster, Core.whole, 64, CLIENTS, 5_000 if quick else 15_000)
    single = await one(cluster, Core.whole, 1, CLIENTS, 1_000 if quick else 4_000)
    setting = f"{SUBMITTERS} submitters of single calls, PostgreSQL fsync on"
    ratio = f"batches of up to 64 against batches of 1, {CLIENTS} clients, the same engine"
    return {
        "qc_core_per_s": at_least(core, "1/s", 7_000, f"{setting}; presentations opened beforehand, as in 9.5"),
        "qc_whole_per_s": figure(whole, "1/s", f"{setting}; with 3 verifications and 1 unsealing for each bit"),
        "batched_vs_unbatched_ratio": at_least(batched / single, "x", 5, ratio),
        "batched_per_s": figure(batched, "1/s", f"batches of up to 64, {CLIENTS} clients"),
        "unbatched_per_s": figure(single, "1/s", f"batches of 1, {CLIENTS} clients"),
    }


async def one(
    cluster: PostgresCluster,
    measured: Callable[[Core, QuotaControlEngine, list[bytes], int], Awaitable[float]],
    batch_max: int,
    submitters: int,
    count: int,
) -> float:
    """One measurement over a deployment and a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        database = cluster.url(cluster.take_database())
        deployment = await make_deployment(Path(folder), {QC: database})
        core = Core(deployment.config, batch_max)
        engine = await core.open()
        try:
            presenter = Presenter(deployment.config)
            warm, shown = await presenter.make(300), await presenter.make(count)
            await measured(core, engine, warm, submitters)
            tune()
            return await measured(core, engine, shown, submitters)
        finally:
            gc.unfreeze()
            await core.part.close()


if __name__ == "__main__":
    main("core", measure)
