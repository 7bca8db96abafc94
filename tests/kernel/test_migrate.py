"""Migrations on both databases, and tables that only grow."""

import shutil
import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from specie.kernel.clock import SystemClock
from specie.kernel.db import ConstraintViolation, Database, Transaction, open_database
from specie.kernel.db.migrate import (
    append_only_sql,
    create_schema,
    migration_sql,
    migration_state,
    run_migrations,
)
from tests.postgres import PostgresCluster

MIGRATIONS = Path(__file__).parent / "migrations"


def test_up_in_one_or_two_steps(database_url: str) -> None:
    assert migration_state(database_url, MIGRATIONS) == (None, "0002")
    run_migrations(database_url, MIGRATIONS, "0001")
    assert migration_state(database_url, MIGRATIONS) == ("0001", "0002")
    for _ in range(2):
        run_migrations(database_url, MIGRATIONS)
        assert migration_state(database_url, MIGRATIONS) == ("0002", "0002")
    database = open_database(database_url, SystemClock(), inline=True)
    assert database.read_now(lambda tx: tx.one("SELECT seq FROM head")) == (0,)
    database.close_now()


def test_a_failing_migration_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    broken = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, broken)
    second = broken / "versions/0002_head.py"
    second.write_text(second.read_text().replace("INSERT INTO head VALUES (1, 0)", "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="nowhere"):
        run_migrations(database_url, broken)
    assert migration_state(database_url, MIGRATIONS) == (None, "0002")
    run_migrations(database_url, MIGRATIONS)
    assert migration_state(database_url, MIGRATIONS) == ("0002", "0002")


def test_two_processes_may_migrate_at_once(database_url: str) -> None:
    errors: list[BaseException] = []

    def migrate() -> None:
        try:
            run_migrations(database_url, MIGRATIONS)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert migration_state(database_url, MIGRATIONS) == ("0002", "0002")


def test_a_database_in_memory_gets_the_same_schema() -> None:
    database = open_database("sqlite://:memory:", SystemClock(), inline=True)
    create_schema(database, MIGRATIONS)
    check_append_only(database)
    assert database.read_now(lambda tx: tx.one("SELECT version_num FROM alembic_version")) == ("0002",)


def test_the_sql_can_be_read_beforehand() -> None:
    statements = migration_sql(MIGRATIONS, "postgresql")
    assert "CREATE TABLE log (seq BIGINT PRIMARY KEY, body BYTEA NOT NULL)" in statements
    assert not any(statement.startswith("--") or statement.endswith(";") for statement in statements)
    assert not any("TABLE head" in statement for statement in migration_sql(MIGRATIONS, "sqlite", "0001"))


# SPEC ISSUANCE-9.1.1
def test_an_append_only_table_only_grows(database_url: str) -> None:
    run_migrations(database_url, MIGRATIONS)
    database = open_database(database_url, SystemClock(), inline=True)
    check_append_only(database)
    database.close_now()


def check_append_only(database: Database) -> None:
    database.write_now(lambda tx: tx.run("INSERT INTO log VALUES (1, ?)", (b"a",)))
    changes = ["UPDATE log SET body = body", "DELETE FROM log"]
    changes.append("INSERT OR REPLACE INTO log VALUES (1, x'00')" if database.dialect == "sqlite" else "TRUNCATE log")
    for change in changes:

        def work(tx: Transaction, change: str = change) -> None:
            tx.run("INSERT INTO log VALUES (2, ?)", (b"b",))
            tx.run(change)

        with pytest.raises(ConstraintViolation, match="append-only"):
            database.write_now(work)
    assert database.read_now(lambda tx: tx.all("SELECT seq, body FROM log")) == [(1, b"a")]


# SPEC ISSUANCE-9.1.1
def test_the_service_role_may_insert_and_select_only(postgres_cluster: PostgresCluster, postgres_url: str) -> None:
    database = open_database(postgres_url, SystemClock(), inline=True)
    postgres_cluster.admin("DROP ROLE IF EXISTS specie_service")
    postgres_cluster.admin("CREATE ROLE specie_service LOGIN")
    statements = ["CREATE TABLE log (seq BIGINT PRIMARY KEY)", "GRANT ALL ON log TO specie_service"]
    statements += append_only_sql("log", "postgresql", "specie_service")
    database.write_now(lambda tx: [tx.run(statement) for statement in statements])
    service = open_database(postgres_url.replace("specie@", "specie_service@"), SystemClock(), inline=True)
    service.write_now(lambda tx: tx.run("INSERT INTO log VALUES (1)"))
    assert service.read_now(lambda tx: tx.all("SELECT seq FROM log")) == [(1,)]
    for change in ("UPDATE log SET seq = 2", "DELETE FROM log", "TRUNCATE log"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.write_now(lambda tx, change=change: tx.run(change))  # type: ignore[misc]
    service.close_now()
    database.write_now(lambda tx: tx.run("DROP TABLE log"))
    database.close_now()
    postgres_cluster.admin("DROP ROLE specie_service")
