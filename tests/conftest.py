"""Fixtures for all tests: a real PostgreSQL, and a fresh database for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.postgres import PostgresCluster

# how long an example takes says nothing on a shared machine
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """A private server, started by the first test that needs it. A test that stops it starts it again."""
    cluster = PostgresCluster()  # PostgresMissing says what to do; a silent skip would hide half of the tests
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture
def postgres_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """An empty PostgreSQL database."""
    name = postgres_cluster.take_database()
    yield postgres_cluster.url(name)
    postgres_cluster.give_back(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh SQLite file."""
    return f"sqlite:///{tmp_path}/test.sqlite3"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each dialect in turn."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


class WholeFiles(LoadScopeScheduling):  # type: ignore[misc]
    """Tests that share services or a chain stay on one worker: those of a file, or of one form of it."""

    def _split_scope(self, nodeid: str) -> str:
        path, _, name = nodeid.partition("::")
        if not path.startswith(("tests/faults/", "tests/journeys/", "tests/ledger/", "tests/oracle/test_ledger")):
            return nodeid
        form = name.partition("[")[2] if path.endswith("test_six_steps.py") else ""
        return f"{path} {form}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Instead of `--dist loadgroup`, whose marks xdist 3.8 loses under pytest 9.2."""
    return WholeFiles(config, log)
