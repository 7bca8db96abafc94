"""SIGKILL of each service at random moments under load: nothing is lost, nothing happens twice, the books balance."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.load import kill_under_load
from tests.services import ROLES, make_deployment, run

SEED = int(os.environ.get("SPECIE_FAULT_SEED", "1"))
ROUNDS, ROUNDS_LONG = 6, 60


def kill_services(folder: Path, rounds: int, limit_s: float) -> None:
    async def work() -> None:
        deployment = await make_deployment(folder)
        with deployment.services as services:
            services.start()
            load = await kill_under_load(deployment, rounds, SEED)
            starts = [services.by_role[role].starts for role in ROLES]
        assert starts == [1 + rounds // len(ROLES)] * len(ROLES)
        assert load.repeats > 0

    run(work(), limit_s)


# SPEC ISSUANCE-21.5
def test_services_killed_under_load_lose_nothing(tmp_path: Path) -> None:
    kill_services(tmp_path, ROUNDS, 120)


# SPEC ISSUANCE-21.5
@pytest.mark.long
def test_services_killed_again_and_again_lose_nothing(tmp_path: Path) -> None:
    kill_services(tmp_path, ROUNDS_LONG, 600)
