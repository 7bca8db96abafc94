"""The six steps, whole: issues of four units a second, with three services and with all in one process.

ISSUANCE-22.5 and 22.6. Services: three processes under mutual TLS over loopback, PostgreSQL with fsync on, single
`POST /v1/issues`; the load comes from this process. Embedded: three engines in this process, SQLite files.
"""

# SPEC ISSUANCE-22.5, ISSUANCE-22.6
from __future__ import annotations

import asyncio
import gc
import json
import tempfile
import time
from pathlib import Path

from harness import Result, at_least, closed_loop, figure, less_than, main, open_loop, percentile

from specie.app.build import build_all
from specie.app.http.client import ServiceClient
from specie.app.process import tune
from specie.issuance.api import IssueView, Order
from specie.issuance.engine.issuance_system import IssuanceSystemEngine
from tests.postgres import PostgresCluster
from tests.services import IS, ROLES, Deployment, issue_body, make_deployment, owner_of

CLIENTS = 128
FOUR_UNITS = ((10_000, 1), (2_000, 2), (1_000, 1))


async def measure(quick: bool) -> dict[str, Result]:
    results = await embedded(quick)
    cluster = PostgresCluster()
    cluster.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            databases = {role: cluster.url(cluster.take_database()) for role in ROLES}
            deployment = await make_deployment(Path(folder), databases)
            with deployment.services as services:
                services.start()
                return await services_run(deployment, quick) | results
    finally:
        cluster.remove()


async def services_run(deployment: Deployment, quick: bool) -> dict[str, Result]:
    client = deployment.client(IS, connections_max=CLIENTS)
    body = json.dumps(issue_body(await owner_of(deployment))).encode()
    await issues_per_s(client, body, "warm", 500)
    per_s = await issues_per_s(client, body, "most", 1_500 if quick else 8_000)
    seconds = 3 if quick else 10
    taken_s = await open_loop(caller(client, body, "half"), per_s / 2, int(per_s / 2 * seconds))
    await deployment.close()
    return {
        "six_steps_services_per_s": at_least(
            per_s, "1/s", 600, f"three services, mutual TLS, PostgreSQL fsync on, four units, {CLIENTS} clients"
        ),
        "six_steps_p99_ms": less_than(
            percentile(taken_s, 0.99) * 1e3, "ms", 150, f"the same services, open loop at {per_s / 2:.0f}/s"
        ),
        "six_steps_p50_ms": figure(percentile(taken_s, 0.5) * 1e3, "ms", "the same run"),
    }


def caller(client: ServiceClient, body: bytes, name: str):  # type: ignore[no-untyped-def]
    """A call that orders one issue under a key of its own."""

    async def call(number: int) -> None:
        key = (("idempotency-key", f"{name}-{number}"),)
        reply = await client.call("POST", "/v1/issues", body, "application/json", key)
        if reply.status != 200:
            raise RuntimeError(f"an issue was not released: {reply.status} {reply.body!r}")

    return call


async def issues_per_s(client: ServiceClient, body: bytes, name: str, count: int) -> float:
    return await closed_loop(caller(client, body, name), CLIENTS, count)


async def embedded(quick: bool) -> dict[str, Result]:
    with tempfile.TemporaryDirectory() as folder:
        deployment = await make_deployment(Path(folder), tls=False)
        built = build_all(deployment.config)
        await built.start()
        try:
            engine = built.parts[IS].engine
            assert isinstance(engine, IssuanceSystemEngine)
            tune()
            order = Order("XTS", 15_000, 0, await owner_of(deployment), FOUR_UNITS, "retail")
            await embedded_per_s(engine, order, 500)
            per_s = await embedded_per_s(engine, order, 2_000 if quick else 10_000)
        finally:
            gc.unfreeze()
            await built.stop()
    return {
        "six_steps_embedded_per_s": at_least(
            per_s, "1/s", 1_000, f"one process, three SQLite files, four units, {2 * CLIENTS} at a time"
        )
    }


async def embedded_per_s(engine: IssuanceSystemEngine, order: Order, count: int) -> float:
    left = iter(range(count))

    async def client() -> None:
        for _ in left:
            (view,) = await engine.issue([order])
            if not isinstance(view, IssueView) or view.state != "released":
                raise RuntimeError(f"an issue was not released: {view}")

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(2 * CLIENTS)))
    return count / (time.perf_counter() - begun)


if __name__ == "__main__":
    main("six_steps", measure)
