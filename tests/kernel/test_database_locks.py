"""Several connections of one process, and other processes beside it: nobody takes the write-ahead log away."""

import subprocess
import sys
from pathlib import Path

from specie.kernel.clock import SystemClock
from specie.kernel.db import Transaction, open_database

LOOK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT COUNT(*) FROM seen").fetchone()[0])
connection.close()
"""


def look_from_outside(path: Path) -> int:
    """What another process reads; as the last to close it would clear up, if it thought itself alone."""
    done = subprocess.run([sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_reader_from_outside_leaves_the_log_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    database = open_database(f"sqlite:///{path}", SystemClock())
    database.write_now(lambda tx: tx.run("CREATE TABLE seen(n INTEGER)"))

    def add(tx: Transaction) -> int:
        return tx.run("INSERT INTO seen VALUES (1)")

    database.write_now(add)
    second = open_database(f"sqlite:///{path}", SystemClock())  # opens the file once more in this process
    assert second.read_now(lambda tx: tx.one("SELECT COUNT(*) FROM seen")) == (1,)
    log = (tmp_path / "store.sqlite3-wal").stat().st_ino
    for count in (1, 2, 3):
        assert look_from_outside(path) == count
        database.write_now(add)
    assert (tmp_path / "store.sqlite3-wal").stat().st_ino == log
    second.close_now()
    database.close_now()
    assert look_from_outside(path) == 4
