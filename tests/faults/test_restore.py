"""Stores that somebody changed behind the services' back: an old backup does not start, edits and cuts are found."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from specie.crypto import note
from specie.kernel.db.sqlite import backup_sqlite
from tests.faults.load import settled
from tests.services import CM, IS, QC, Deployment, NotReady, issue_body, make_deployment, owner_of, run

CALLS, ORDERS = 6, 100
"""Enough leaves for a checkpoint, which is made every thousand of them."""


def store_of(deployment: Deployment, role: str) -> Path:
    return Path(deployment.config.system(role).database.removeprefix("sqlite:///"))


async def issue_some(deployment: Deployment) -> None:
    """So many issues that quota control makes a checkpoint of them."""
    client = deployment.client(IS)
    body = json.dumps([issue_body(await owner_of(deployment))] * ORDERS).encode()
    for number in range(CALLS):
        reply = await client.call("POST", "/v1/issues", body, "application/json", (("idempotency-key", f"{number}"),))
        assert {answer["state"] for answer in json.loads(reply.body)} == {"released"}
    await settled(deployment)
    while witnessed_size(deployment) < CALLS * ORDERS:
        await asyncio.to_thread(deployment.services.by_role[QC].ends_within, 0.05)
    await deployment.close()


def witnessed_size(deployment: Deployment) -> int:
    """How many leaves of quota control's log stand in the checkpoint beside its store."""
    path = deployment.config.data_dir / "witnessed" / "quota-control.note"
    return note.parse_checkpoint(note.parse(path.read_text()).text).size if path.exists() else 0


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Stopped again after some hundred issues; `old` holds a backup of quota control's store from before them."""

    async def work() -> Deployment:
        found = await make_deployment(tmp_path_factory.mktemp("deployment"))
        found.services.start()
        backup_sqlite(found.config.system(QC).database, found.config.data_dir / "old")
        await issue_some(found)
        assert found.services.stop() == [0, 0, 0]
        return found

    made = run(work())
    with made.services:
        yield made


@pytest.fixture
def stores(deployment: Deployment) -> Iterator[Mapping[str, Path]]:
    """The stores of the deployment, which a test may spoil: they are put back afterwards."""
    paths = {role: store_of(deployment, role) for role in (CM, QC, IS)}
    kept = {path: path.with_suffix(".kept") for path in paths.values()}
    for path, copy in kept.items():
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(path, copy)
    yield paths
    for path, copy in kept.items():
        for companion in ("-wal", "-shm"):
            path.with_name(path.name + companion).unlink(missing_ok=True)
        copy.replace(path)


def change(store: Path, *statements: str) -> None:
    """Run statements as somebody with access to the file; the triggers of append-only tables are dropped first."""
    with closing(sqlite3.connect(store)) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement


def audit(deployment: Deployment) -> Mapping[str, Any]:
    return run(deployment.audit())


def faults(report: Mapping[str, Any], system: str) -> set[str]:
    return {each["id"] for each in report["differences"] if each["system"] == system}


def test_untouched_stores_balance(deployment: Deployment) -> None:
    report = audit(deployment)
    assert report["balanced"], report["differences"]


# SPEC ISSUANCE-17.3, ISSUANCE-20.18
def test_a_restored_old_backup_does_not_start(deployment: Deployment, stores: Mapping[str, Path]) -> None:
    shutil.copyfile(deployment.config.data_dir / "old", stores[QC])
    report = audit(deployment)
    assert not report["balanced"]
    assert "WITNESS" in faults(report, "qc-1")
    with pytest.raises(NotReady, match=r"restore_detected|was witnessed"):
        deployment.services.start(QC)
    assert deployment.services.by_role[QC].end(9) != 0


# SPEC ISSUANCE-20.16, ISSUANCE-1.4.6
@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (QC, "UPDATE cred_use SET amount = amount - 1 WHERE seq = (SELECT MAX(seq) FROM cred_use)"),
        (QC, "UPDATE bucket SET used = used - 15000 WHERE key = 'stock:XTS'"),
        (QC, "DELETE FROM cred_use WHERE seq = (SELECT MAX(seq) FROM cred_use)"),
        (QC, "UPDATE log SET object = zeroblob(32) WHERE seq = 5"),
        (QC, "UPDATE entry SET d_used = d_used + 1 WHERE seq = (SELECT MAX(seq) FROM entry)"),
        (CM, "UPDATE credential SET amount = amount + 1 WHERE cti = (SELECT MIN(cti) FROM credential)"),
        (CM, "UPDATE bucket SET used = used - 1 WHERE key = 'lifetime:XTS'"),
        (IS, "UPDATE unit SET value = value + 100 WHERE serial = (SELECT MIN(serial) FROM unit)"),
        (IS, "UPDATE unit SET state = 2 WHERE serial = (SELECT MIN(serial) FROM unit)"),
    ],
)
def test_an_edited_row_is_found(deployment: Deployment, stores: Mapping[str, Path], role: str, statement: str) -> None:
    change(stores[role], statement)
    report = audit(deployment)
    assert not report["balanced"]
    assert faults(report, deployment.config.system(role).id)


# SPEC ISSUANCE-20.17
@pytest.mark.parametrize("role", [CM, QC, IS])
def test_a_truncated_log_is_found(deployment: Deployment, stores: Mapping[str, Path], role: str) -> None:
    change(stores[role], "DELETE FROM log WHERE seq > (SELECT MAX(seq) - 3 FROM log)")
    report = audit(deployment)
    assert not report["balanced"]
    assert "CHAIN" in faults(report, deployment.config.system(role).id)


# SPEC ISSUANCE-20.10
def test_an_extra_unit_is_found(deployment: Deployment, stores: Mapping[str, Path]) -> None:
    change(
        stores[IS],
        "INSERT INTO unit(serial, issue, place, value, state, data) "
        "SELECT zeroblob(16), issue, place, value, state, data FROM unit LIMIT 1",
    )
    report = audit(deployment)
    assert not report["balanced"]
    assert faults(report, "is-1")
