"""The tables of the ledger on both databases: whole blocks, unique indexes, what is dropped and what never is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from specie.kernel.clock import SystemClock
from specie.kernel.db import ConstraintViolation, Database, Transaction, UniqueViolation, open_database
from specie.kernel.db.migrate import run_migrations
from specie.ledger import store as store_package
from specie.ledger.store import blocks, reading
from specie.ledger.store.blocks import BlockRows, SubmissionState

MIGRATIONS = Path(store_package.__file__).parent / "migrations"
DAY_MS = 86_400_000


def rows(height: int, **changes: object) -> BlockRows:
    """A block of this height with one of everything."""
    one = height.to_bytes(32, "big")
    made = BlockRows(height, 1000 * height, one, b"header", b"record", b"proofs", height + 1)
    made.outputs = [(height, 0, height, one)]
    made.points = [(one,), (one[::-1] + b"R",)]
    made.key_images = [(one, height)]
    made.leaves = [(one, height, 0)]
    made.once = [(1, one, height)]
    made.entries = [(9, b"", height, one), (3, one, height, b"value")]
    made.parameters = [(height + 1, one, height, height + 5, b"frame")]
    made.epochs = [(height + 1, one, height, b"frame")]
    made.submissions = [
        (one, SubmissionState.FINAL, None, None, height, one),
        (b"bad" + one, SubmissionState.REFUSED, "ledger.shape", "V-4", height, None),
    ]
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    run_migrations(database_url, MIGRATIONS)
    found = open_database(database_url, SystemClock(), inline=True)
    found.write_now(lambda tx: blocks.write_genesis(tx, bytes(32), b"document"))
    for height in range(4):
        made = rows(height)
        found.write_now(lambda tx, made=made: blocks.write_block(tx, made, b"finality"))
    yield found
    found.close_now()


# SPEC LEDGER-8.7.2
def test_a_block_comes_back_as_it_was_written(database: Database) -> None:
    def look(tx: Transaction) -> None:
        one = (2).to_bytes(32, "big")
        assert reading.genesis(tx) == b"document"
        last = reading.last_block(tx)
        assert last is not None
        assert (last.height, last.time_ms, last.out_size, last.finality) == (3, 3000, 4, b"finality")
        assert [row.height for row in reading.blocks(tx, 1, 2)] == [1, 2]
        assert reading.block(tx, 9) is None
        assert (reading.record(tx, 2), reading.record(tx, 9)) == (b"record", None)
        assert (reading.proofs(tx, 2), reading.proofs(tx, 9)) == ((True, b"proofs"), (False, None))
        assert reading.records(tx, 1, 2) == [(1, b"record"), (2, b"record")]
        assert reading.outputs(tx, 2, 5) == [(2, 0, 2, one), (3, 0, 3, (3).to_bytes(32, "big"))]
        assert [len(chunk) for chunk in reading.all_outputs(tx)] == [4]
        assert reading.key_images(tx, 2, 1) == [(2, one)]
        assert sum(len(chunk) for chunk in reading.key_images_until(tx, 2)) == 3
        assert (reading.spent_height(tx, one), reading.spent_height(tx, bytes(31))) == (2, None)
        assert (reading.leaf(tx, one), reading.leaf(tx, b"no")) == ((2, 0), None)
        assert [row.version for row in reading.parameters(tx)] == [1, 2, 3, 4]
        assert [row.epoch for row in reading.epochs(tx)] == [1, 2, 3, 4]

    database.read_now(look)


def test_entries_are_read_as_of_a_height(database: Database) -> None:
    def look(tx: Transaction) -> None:
        for height in range(4):
            one = height.to_bytes(32, "big")
            assert reading.entry(tx, 9, b"", height) == one
            assert {key: value for domain, key, value in reading.entries_until(tx, height) if domain == 9} == {b"": one}
        assert reading.entry(tx, 9, b"") == (3).to_bytes(32, "big")
        assert reading.entry(tx, 3, (3).to_bytes(32, "big"), 2) is None
        assert [row[0] for row in reading.entries_above(tx, 1)] == [2, 2, 3, 3]
        assert reading.entries_of(tx, 9) == [(b"", (3).to_bytes(32, "big"))]

    database.read_now(look)


# SPEC LEDGER-8.7.1
@pytest.mark.parametrize(
    "change",
    [
        {"key_images": [((1).to_bytes(32, "big"), 9)]},
        {"points": [((1).to_bytes(32, "big"),)]},
        {"leaves": [((1).to_bytes(32, "big"), 9, 0)]},
        {"once": [(1, (1).to_bytes(32, "big"), 9)]},
        {"outputs": [(1, 0, 9, b"")]},
        {"entries": [(9, b"", 1, b"")]},
        {"parameters": [(1, b"", 9, 9, b"")]},
        {"epochs": [(1, b"", 9, b"")]},
        {"app_hash": (1).to_bytes(32, "big")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_indexes_have_the_last_word(database: Database, change: dict[str, object]) -> None:
    with pytest.raises(UniqueViolation):
        database.write_now(lambda tx: blocks.write_block(tx, rows(9, **change), b""))
    # and nothing of that block is left
    assert database.read_now(lambda tx: reading.block(tx, 9)) is None
    assert database.read_now(lambda tx: reading.spent_height(tx, (9).to_bytes(32, "big"))) is None


@pytest.mark.parametrize("table", ["block", "output", "used_point", "key_image", "leaf", "once", "parameter", "epoch"])
def test_what_is_final_stays(database: Database, table: str) -> None:
    with pytest.raises(ConstraintViolation):
        database.write_now(lambda tx: tx.run(f"DELETE FROM {table}"))


def test_submissions_end_once_and_a_refused_one_may_end_again(database: Database) -> None:
    one = (1).to_bytes(32, "big")
    found = database.read_now(lambda tx: reading.submission(tx, one))
    assert found is not None
    assert (found.state, found.height, found.leaf, found.position) == (SubmissionState.FINAL, 1, one, 0)
    refused = database.read_now(lambda tx: reading.submission(tx, b"bad" + one))
    assert refused is not None
    assert (refused.state, refused.code, refused.rule) == (SubmissionState.REFUSED, "ledger.shape", "V-4")
    again = [(b"bad" + one, SubmissionState.REFUSED, "ledger.shape", "V-4", 3, None)]
    database.write_now(lambda tx: blocks.write_submissions(tx, again))
    later = database.read_now(lambda tx: reading.submission(tx, b"bad" + one))
    assert later is not None
    assert later.height == 3
    # what is final stays so
    database.write_now(lambda tx: blocks.write_submissions(tx, [(one, SubmissionState.REFUSED, "x", None, 3, None)]))
    final = database.read_now(lambda tx: reading.submission(tx, one))
    assert final is not None
    assert final.state == SubmissionState.FINAL
    assert database.write_now(lambda tx: blocks.drop_refusals(tx, 3)) == 2
    assert database.read_now(lambda tx: reading.submission(tx, b"bad" + bytes(32))) is None
    assert database.read_now(lambda tx: reading.submission(tx, b"bad" + one)) is not None
    assert database.read_now(lambda tx: reading.submission(tx, b"?")) is None


# SPEC LEDGER-8.2.1
def test_old_proofs_are_dropped_and_records_never(database: Database) -> None:
    assert database.write_now(lambda tx: blocks.drop_proofs(tx, 2000, 1)) == 1
    assert database.write_now(lambda tx: blocks.drop_proofs(tx, 2000, 9)) == 1
    assert database.write_now(lambda tx: blocks.drop_proofs(tx, 2000, 9)) == 0
    kept = [database.read_now(lambda tx, at=height: reading.proofs(tx, at))[1] for height in range(4)]
    assert kept == [None, None, b"proofs", b"proofs"]
    assert database.read_now(lambda tx: reading.record(tx, 0)) == b"record"


def test_replaced_values_are_dropped_behind_the_window_only(database: Database) -> None:
    assert database.write_now(lambda tx: blocks.drop_superseded(tx, 1, 3)) == 2
    assert database.read_now(lambda tx: reading.entry(tx, 9, b"", 2)) == (2).to_bytes(32, "big")
    assert database.read_now(lambda tx: reading.entry(tx, 9, b"", 1)) is None
    assert len(database.read_now(lambda tx: reading.entries_until(tx, 2))) == 4
    assert database.write_now(lambda tx: blocks.drop_superseded(tx, 1, 3)) == 0


def test_the_newest_block_that_is_old_enough(database: Database) -> None:
    for time_ms, height in [(0, 0), (999, 0), (1000, 1), (2500, 2), (9999, 3)]:
        found = database.read_now(lambda tx, at=time_ms: reading.block_before(tx, at))
        assert found is not None
        assert found.height == height


def test_an_empty_database_has_no_chain(sqlite_url: str) -> None:
    run_migrations(sqlite_url, MIGRATIONS)
    empty = open_database(sqlite_url, SystemClock(), inline=True)
    assert empty.read_now(reading.last_block) is None
    assert empty.read_now(reading.genesis) is None
    assert empty.read_now(lambda tx: reading.block_before(tx, 5)) is None
    empty.close_now()
