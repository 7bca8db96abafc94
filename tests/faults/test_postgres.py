"""Three services on PostgreSQL, whose server crashes under load (`pg_ctl stop -m immediate`) and comes back."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.load import Load, check_nothing_lost_nothing_twice
from tests.postgres import PostgresCluster
from tests.services import ROLES, make_deployment, run

SEED = int(os.environ.get("SPECIE_FAULT_SEED", "1"))
CRASHES, CRASHES_LONG = 2, 20


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    """A server of its own: the one of the other tests must not crash."""
    made = PostgresCluster()
    made.start()
    yield made
    made.remove()


def crash_server(cluster: PostgresCluster, folder: Path, crashes: int, limit_s: float) -> None:
    async def work() -> None:
        databases = {role: cluster.url(cluster.take_database()) for role in ROLES}
        assert len(set(databases.values())) == len(ROLES)
        deployment = await make_deployment(folder, databases)
        with deployment.services as services:
            services.start()
            load, chance = Load(deployment), random.Random(SEED)
            await load.start()
            for _ in range(crashes):
                await load.more(chance.randrange(50, 200))
                await asyncio.to_thread(cluster.restart, "immediate")
            await load.more(100)
            await load.finish()
            await check_nothing_lost_nothing_twice(deployment, load)
            await deployment.close()
            assert all(service.starts == 1 for service in services.by_role.values())

    run(work(), limit_s)


# SPEC ISSUANCE-21.5, ISSUANCE-9.2.8, ISSUANCE-9.2.9
def test_a_crash_of_the_database_server_loses_nothing(cluster: PostgresCluster, tmp_path: Path) -> None:
    crash_server(cluster, tmp_path, CRASHES, 120)


# SPEC ISSUANCE-21.5, ISSUANCE-9.2.8, ISSUANCE-9.2.9
@pytest.mark.long
def test_crash_after_crash_of_the_database_server_loses_nothing(cluster: PostgresCluster, tmp_path: Path) -> None:
    crash_server(cluster, tmp_path, CRASHES_LONG, 600)
