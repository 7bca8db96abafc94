"""Quota control over HTTP: control bits per second, and how long a denial takes at half that load.

ISSUANCE-22.3 and 22.7. PostgreSQL with fsync on, presentations made beforehand (3 verifications and 1 signature each),
plain HTTP over loopback, single calls over many keep-alive connections; the load comes from this process.
"""

# SPEC ISSUANCE-22.3, ISSUANCE-22.7
from __future__ import annotations

import tempfile
from pathlib import Path

from harness import Result, at_least, closed_loop, figure, less_than, main, open_loop, percentile

from specie.app.http.client import ServiceClient
from tests.postgres import PostgresCluster
from tests.presenting import Presenter
from tests.services import QC, TOO_MUCH, Deployment, make_deployment

CONNECTIONS = 256


async def measure(quick: bool) -> dict[str, Result]:
    cluster = PostgresCluster()
    cluster.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            database = cluster.url(cluster.take_database())
            deployment = await make_deployment(Path(folder), {QC: database}, tls=False)
            with deployment.services as services:
                services.start(QC)
                return await run(deployment, quick)
    finally:
        cluster.remove()


async def run(deployment: Deployment, quick: bool) -> dict[str, Result]:
    presenter = Presenter(deployment.config)
    client = deployment.client(QC, connections_max=CONNECTIONS)
    count = 6_000 if quick else 25_000
    await rate(client, await presenter.make(1_000))
    bits_per_s = await rate(client, await presenter.make(count))
    denials = await presenter.make(int(bits_per_s * (2 if quick else 5) / 2), amount=TOO_MUCH)
    denied_s = await denial_times(client, denials, bits_per_s / 2)
    await deployment.close()
    setting = f"{CONNECTIONS} connections, single calls, PostgreSQL fsync on, load from the same machine"
    return {
        "control_bits_http_per_s": at_least(bits_per_s, "1/s", 2_500, setting),
        "denial_p99_ms": less_than(
            percentile(denied_s, 0.99) * 1e3, "ms", 50, f"quota denials, open loop at {bits_per_s / 2:.0f}/s"
        ),
        "denial_p50_ms": figure(percentile(denied_s, 0.5) * 1e3, "ms", "the same run"),
    }


async def rate(client: ServiceClient, shown: list[bytes]) -> float:
    async def call(number: int) -> None:
        await client.post("/v1/control-bits", shown[number])

    return await closed_loop(call, CONNECTIONS, len(shown))


async def denial_times(client: ServiceClient, shown: list[bytes], per_s: float) -> list[float]:
    async def call(number: int) -> None:
        reply = await client.exchange("POST", "/v1/control-bits", shown[number])
        if reply.status != 409:
            raise RuntimeError(f"a denial was expected: {reply.status} {reply.body!r}")

    return await open_loop(call, per_s, len(shown))


if __name__ == "__main__":
    main("control_bits", measure)
