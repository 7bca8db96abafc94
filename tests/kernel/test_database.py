"""Both databases behind one interface: transactions, errors, threads and event loops."""

import asyncio
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from specie.kernel.clock import Clock, ManualClock, SystemClock
from specie.kernel.db import (
    ConstraintViolation,
    Database,
    DatabaseBusy,
    Transaction,
    UniqueViolation,
    backup_sqlite,
    open_database,
)
from specie.kernel.errors import Unavailable

COLUMNS: Any = {"id": "int", "name": "text", "body": "blob", "n": "int"}


@pytest.fixture(params=["threads", "inline"])
def database(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    database = open_database(database_url, SystemClock(), inline=request.param == "inline")
    database.write_now(create)
    yield database
    database.close_now()


def create(tx: Transaction) -> None:
    blob = "BYTEA" if tx.dialect == "postgresql" else "BLOB"
    columns = f"id BIGINT PRIMARY KEY, name TEXT, body {blob}, n BIGINT NOT NULL CHECK (n >= 0)"
    tx.run(f"CREATE TABLE item ({columns})")


def fill(tx: Transaction, count: int = 3) -> None:
    tx.insert_many("item", COLUMNS, [(n, f"name {n}", bytes([n]), n * 10) for n in range(count)])


def test_values_come_back_as_they_went(database: Database) -> None:
    rows = [
        (1, "ä?%", b"\x00\xff" * 70_000, 2**62),
        (-(2**63), None, None, 0),
        (2**63 - 1, "", b"", 1),
    ]
    database.write_now(lambda tx: tx.insert_many("item", COLUMNS, rows))
    database.write_now(lambda tx: tx.run("INSERT INTO item VALUES (?, ?, ?, ?)", (5, "x", b"\x00y", 6)))
    found = database.read_now(lambda tx: tx.all("SELECT id, name, body, n FROM item ORDER BY id"))
    assert found == sorted([*rows, (5, "x", b"\x00y", 6)])
    assert {type(row[2]) for row in found} == {bytes, type(None)}


def test_sums_are_integers(database: Database) -> None:
    database.write_now(fill)
    row = database.read_now(lambda tx: tx.one("SELECT sum(n), count(*), coalesce(sum(n), 0) FROM item"))
    assert row == (30, 3, 30)
    assert all(type(value) is int for value in row)


def test_one_all_and_run(database: Database) -> None:
    database.write_now(fill)
    assert database.read_now(lambda tx: tx.one("SELECT n FROM item WHERE id = ?", (9,))) is None
    assert database.read_now(lambda tx: tx.one("SELECT n FROM item ORDER BY id")) == (0,)
    assert database.read_now(lambda tx: tx.all("SELECT n FROM item WHERE id = ?", (9,))) == []
    take = "UPDATE item SET n = n - ? WHERE id = ? AND n >= ?"
    assert database.write_now(lambda tx: tx.run(take, (5, 1, 5))) == 1
    assert database.write_now(lambda tx: tx.run(take, (6, 1, 6))) == 0
    assert database.write_now(lambda tx: tx.run("DELETE FROM item")) == 3


def test_update_many(database: Database) -> None:
    database.write_now(fill)

    def work(tx: Transaction) -> tuple[int, int]:
        added = tx.update_many("item", {"id": "int"}, {"n": "int"}, [(1, 5), (2, -20), (8, 1)], add=True)
        keys: Any = {"id": "int", "name": "text"}
        given = tx.update_many("item", keys, {"body": "blob", "n": "int"}, [(0, "name 0", None, 7), (1, "no", b"", 0)])
        return added, given

    assert database.write_now(work) == (2, 1)
    rows = database.read_now(lambda tx: tx.all("SELECT id, body, n FROM item ORDER BY id"))
    assert rows == [(0, None, 7), (1, b"\x01", 15), (2, b"\x02", 0)]


def test_empty_sets_do_nothing(database: Database) -> None:
    def work(tx: Transaction) -> None:
        tx.insert_many("item", COLUMNS, [])
        assert tx.update_many("item", {"id": "int"}, {"n": "int"}, []) == 0
        assert tx.select_in("SELECT id FROM item WHERE id {}", [], "int") == []

    database.write_now(work)


def test_select_in(database: Database) -> None:
    database.write_now(lambda tx: fill(tx, 200))

    def work(tx: Transaction) -> tuple[list[Any], ...]:
        by_id = "SELECT id FROM item WHERE n > ? AND id {} ORDER BY id DESC" + tx.lock_suffix
        return (
            tx.select_in(by_id, list(range(100)), "int", (950,)),
            tx.select_in("SELECT id FROM item WHERE name {} ORDER BY id", ["name 7", "name 3"], "text"),
            tx.select_in("SELECT id FROM item WHERE body {} ORDER BY id", [b"\x05", b"\x05", b""], "blob"),
        )

    assert database.write_now(work) == ([(99,), (98,), (97,), (96,)], [(3,), (7,)], [(5,)])


@pytest.mark.parametrize(
    "work",
    [
        lambda tx: tx.all("SELECT n % 2 FROM item"),
        lambda tx: tx.all("SELECT '?' FROM item"),
        lambda tx: tx.select_in("SELECT id FROM item", [1], "int"),
        lambda tx: tx.select_in("SELECT id FROM item WHERE id {} AND n = ?", [1], "int", (1,)),
        lambda tx: tx.select_in("SELECT id FROM item WHERE id {}", [1] * 8_193, "int"),
        lambda tx: tx.update_many("item", {"id": "int"}, {"n": "int"}, [(1, 2), (1, 3)], add=True),
        lambda tx: tx.insert_many("item", COLUMNS, [(1, "x")]),
        lambda tx: tx.update_many("item", {"id": "int"}, {"n": "int"}, [(1, 2, 3)]),
    ],
)
def test_what_the_dialects_would_read_differently_is_an_error(
    database: Database, work: Callable[[Transaction], Any]
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        database.write_now(work)


# SPEC ISSUANCE-9.2.11
def test_a_conflict_is_an_error_and_keeps_nothing(database: Database) -> None:
    database.write_now(fill)

    def work(tx: Transaction) -> None:
        tx.run("UPDATE item SET n = 999")
        tx.insert_many("item", COLUMNS, [(7, None, None, 1), (1, None, None, 1)])

    with pytest.raises(UniqueViolation):
        database.write_now(work)
    assert database.read_now(lambda tx: tx.one("SELECT max(n), max(id) FROM item")) == (20, 2)


def test_a_check_is_a_constraint_violation(database: Database) -> None:
    database.write_now(fill)
    with pytest.raises(ConstraintViolation) as caught:
        database.write_now(lambda tx: tx.run("UPDATE item SET n = -1"))
    assert not isinstance(caught.value, UniqueViolation)


def test_a_conflict_found_at_commit_keeps_nothing(database: Database) -> None:
    part = "CREATE TABLE part (id BIGINT REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED)"
    database.write_now(lambda tx: tx.run(part))
    with pytest.raises(ConstraintViolation):
        database.write_now(lambda tx: tx.run("INSERT INTO part VALUES (1)"))
    assert database.read_now(lambda tx: tx.one("SELECT count(*) FROM part")) == (0,)
    database.write_now(fill)
    assert database.write_now(lambda tx: tx.run("INSERT INTO part VALUES (1)")) == 1


def test_whatever_work_raises_rolls_back(database: Database) -> None:
    class Stop(Exception):
        pass

    def work(tx: Transaction) -> None:
        fill(tx)
        raise Stop

    with pytest.raises(Stop):
        database.write_now(work)
    assert database.read_now(lambda tx: tx.one("SELECT count(*) FROM item")) == (0,)
    database.write_now(fill)


def test_a_swallowed_error_does_not_commit(database: Database) -> None:
    def work(tx: Transaction) -> None:
        fill(tx)
        try:
            fill(tx)
        except UniqueViolation:
            return

    with pytest.raises(RuntimeError, match="swallowed"):
        database.write_now(work)
    assert database.read_now(lambda tx: tx.one("SELECT count(*) FROM item")) == (0,)


def test_a_transaction_ends_with_its_function(database: Database) -> None:
    kept = database.write_now(lambda tx: tx)
    for act in (
        lambda: kept.all("SELECT 1"),
        lambda: kept.one("SELECT 1"),
        lambda: kept.run("DELETE FROM item"),
        lambda: fill(kept),
    ):
        with pytest.raises(RuntimeError, match="over"):
            act()


def test_a_transaction_inside_a_transaction_is_an_error(database: Database) -> None:
    with pytest.raises(RuntimeError, match="inside"):
        database.write_now(lambda _: database.write_now(fill))


def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(RuntimeError, match="reading only"):
        database.read_now(fill)
    database.write_now(fill)


def test_async_from_several_loops_and_threads(database_url: str) -> None:
    database = open_database(database_url, SystemClock())
    database.write_now(create)
    database.write_now(fill)

    async def add() -> None:
        await asyncio.gather(*(database.write(lambda tx: tx.run("UPDATE item SET n = n + 1")) for _ in range(20)))

    threads = [threading.Thread(target=asyncio.run, args=(add(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    asyncio.run(add())
    for thread in threads:
        thread.join()
    assert database.read_now(lambda tx: tx.one("SELECT min(n) FROM item")) == (80,)
    database.close_now()


def test_async_errors_and_cancellation(database: Database) -> None:
    async def main() -> int:
        await database.write(fill)
        with pytest.raises(UniqueViolation):
            await database.write(fill)
        task = asyncio.ensure_future(database.write(lambda tx: tx.run("UPDATE item SET n = 1")))
        await asyncio.sleep(0)
        task.cancel()
        row = await database.read(lambda tx: tx.one("SELECT count(*) FROM item"))
        assert row is not None
        await database.close()
        return int(row[0])

    assert asyncio.run(main()) == 3


def test_a_closed_database_is_unavailable(database_url: str) -> None:
    database = open_database(database_url, SystemClock())
    database.write_now(lambda tx: tx.one("SELECT 1"))
    database.close_now()
    database.close_now()
    with pytest.raises(Unavailable):
        database.read_now(lambda tx: tx.one("SELECT 1"))


# SPEC ISSUANCE-5.5.1
def test_postgresql_tells_the_time_itself(postgres_url: str) -> None:
    manual: Clock = ManualClock(77)
    server = open_database(postgres_url, manual, inline=True)
    assert abs(server.write_now(lambda tx: tx.now_us()) - SystemClock().now_us()) < 60_000_000
    given = open_database(postgres_url, manual, inline=True, clock_override=True)
    assert given.write_now(lambda tx: tx.now_us()) == 77
    for database in (server, given):
        database.close_now()


# SPEC ISSUANCE-5.5.1
def test_sqlite_asks_the_clock(sqlite_url: str) -> None:
    database = open_database(sqlite_url, ManualClock(78))
    assert database.write_now(lambda tx: tx.now_us()) == 78
    database.close_now()


def test_memory_keeps_its_rows_between_transactions() -> None:
    for url in ("sqlite://:memory:", "sqlite://", "sqlite:///:memory:"):
        for inline in (True, False):
            database = open_database(url, SystemClock(), inline=inline)
            database.write_now(lambda tx: tx.run("CREATE TABLE t (a BIGINT)"))
            database.write_now(lambda tx: tx.run("INSERT INTO t VALUES (1)"))
            assert database.read_now(lambda tx: tx.all("SELECT a FROM t")) == [(1,)]
            database.close_now()


@pytest.mark.parametrize(
    "url", ["mysql://x", "sqlite:relative", "sqlite://", "sqlite:///x?cache=1", "sqlite:///", "sqlite://host"]
)
def test_urls(url: str) -> None:
    if url == "sqlite://":
        assert open_database(url, SystemClock()).dialect == "sqlite"
        return
    with pytest.raises(ValueError, match=r".+"):
        open_database(url, SystemClock())


def test_a_sqlite_file_is_durable_private_and_locked(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    first = open_database(url, SystemClock(), inline=True)
    second = open_database(url + "?busy_ms=1", SystemClock(), inline=True)
    first.write_now(lambda tx: tx.run("CREATE TABLE t (a BIGINT)"))
    settings = first.write_now(lambda tx: (tx.one("PRAGMA journal_mode"), tx.one("PRAGMA synchronous")))
    assert settings == (("wal",), (2,))
    assert stat.S_IMODE(os.stat(tmp_path / "a.sqlite3").st_mode) == 0o600

    def work(tx: Transaction) -> None:
        tx.run("INSERT INTO t VALUES (1)")
        # Another writer has to wait, a reader sees what was committed.
        with pytest.raises(DatabaseBusy):
            second.write_now(lambda other: other.run("INSERT INTO t VALUES (2)"))
        assert second.read_now(lambda other: other.all("SELECT a FROM t")) == []

    first.write_now(work)
    assert second.read_now(lambda tx: tx.all("SELECT a FROM t")) == [(1,)]
    first.close_now()
    second.close_now()


def test_a_full_disk_is_unavailable_and_keeps_nothing(sqlite_url: str) -> None:
    database = open_database(sqlite_url, SystemClock(), inline=True)
    database.write_now(create)
    database.write_now(lambda tx: tx.one("PRAGMA max_page_count = 8"))

    def work(tx: Transaction) -> None:
        fill(tx)
        tx.run("INSERT INTO item VALUES (9, 'x', zeroblob(100000), 0)")

    with pytest.raises(DatabaseBusy):
        database.write_now(work)
    assert database.read_now(lambda tx: tx.one("SELECT count(*) FROM item")) == (0,)
    database.write_now(fill)
    database.close_now()


def test_a_migration_beside_a_prepared_statement_is_a_retry(postgres_url: str) -> None:
    first, second = (open_database(postgres_url, SystemClock(), inline=True) for _ in range(2))
    first.write_now(create)
    assert first.read_now(lambda tx: tx.all("SELECT * FROM item")) == []
    second.write_now(lambda tx: tx.run("ALTER TABLE item ADD COLUMN more BIGINT"))
    with pytest.raises(DatabaseBusy):
        first.read_now(lambda tx: tx.all("SELECT * FROM item"))
    assert first.read_now(lambda tx: tx.all("SELECT * FROM item")) == []
    first.close_now()
    second.close_now()


def test_statements_prepared_are_bounded(postgres_url: str) -> None:
    database = open_database(postgres_url, SystemClock(), inline=True)

    def work(tx: Transaction) -> int:
        for n in range(600):
            assert tx.one(f"SELECT {n} + ?", (1,)) == (n + 1,)
        ((count,),) = tx.all("SELECT count(*) FROM pg_prepared_statements")
        return int(count)

    assert database.read_now(work) <= 256
    database.close_now()


# SPEC ISSUANCE-17.3
def test_backup_of_a_database_in_use(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    copy = tmp_path / "b.sqlite3"
    database = open_database(url, SystemClock())
    database.write_now(lambda tx: tx.run("CREATE TABLE t (a BIGINT)"))
    database.write_now(lambda tx: tx.run("INSERT INTO t VALUES (1)"))
    backup_sqlite(url, copy)
    database.write_now(lambda tx: tx.run("INSERT INTO t VALUES (2)"))
    with pytest.raises(FileExistsError):
        backup_sqlite(url, copy)
    with pytest.raises(ValueError, match="no file"):
        backup_sqlite("sqlite://:memory:", tmp_path / "c")
    restored = open_database(f"sqlite:///{copy}", SystemClock())
    assert restored.read_now(lambda tx: tx.all("SELECT a FROM t")) == [(1,)]
    assert sorted(path.name for path in tmp_path.glob("b*"))[0] == "b.sqlite3"
    restored.close_now()
    database.close_now()


def test_writes_sent_together_are_all_there_or_none(database: Database) -> None:
    database.write_now(fill)

    def good(tx: Transaction) -> list[Any]:
        with tx.together():
            tx.insert_many("item", COLUMNS, [(7, "seven", None, 70)])
            with tx.together():
                tx.update_many("item", {"id": "int"}, {"n": "int"}, [(7, 71)])
            tx.run("UPDATE item SET n = n + 1 WHERE id = ?", (7,))
        return tx.all("SELECT n FROM item WHERE id = 7")

    def bad(tx: Transaction) -> None:
        with tx.together():
            tx.insert_many("item", COLUMNS, [(8, "eight", None, 80)])
            tx.insert_many("item", COLUMNS, [(7, "again", None, 0)])
            tx.insert_many("item", COLUMNS, [(9, "nine", None, 90)])

    assert database.write_now(good) == [(72,)]
    with pytest.raises(UniqueViolation):
        database.write_now(bad)
    assert database.read_now(lambda tx: tx.all("SELECT id FROM item WHERE id > 6")) == [(7,)]


def test_a_column_may_be_in_the_key_and_be_changed(database: Database) -> None:
    database.write_now(fill)
    rows = [(1, 10, 11), (2, 99, 22)]
    changed = database.write_now(lambda tx: tx.update_many("item", {"id": "int", "n": "int"}, {"n": "int"}, rows))
    assert changed == 1
    assert database.read_now(lambda tx: tx.all("SELECT n FROM item ORDER BY id")) == [(0,), (11,), (20,)]
