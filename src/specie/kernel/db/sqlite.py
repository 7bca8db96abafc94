"""SQLite through the standard library: WAL, synchronous=FULL, one connection per session."""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import parse_qsl

from specie.kernel.clock import Clock
from specie.kernel.db.types import (
    WRITE_IN_READ,
    Columns,
    ConnectionLost,
    ConstraintViolation,
    DatabaseBusy,
    Dialect,
    Kind,
    Params,
    Row,
    Transaction,
    UniqueViolation,
    check_distinct_keys,
    check_sql,
    check_width,
    split_select_in,
)

MEMORY = ":memory:"
BUSY_MS = 5_000
STATEMENTS_CACHED = 256

_UNIQUE = frozenset((sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY))
_UNAVAILABLE = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
    )
)
T = TypeVar("T")


def sqlite_path(url: str) -> tuple[str, int]:
    """The file (or ":memory:") and the lock timeout in ms of `sqlite:///PATH?busy_ms=N` or `sqlite://:memory:`.

    The path is relative after three slashes and absolute after four. Raises ValueError.
    """
    rest, _, query = url.removeprefix("sqlite://").partition("?")
    options = dict(parse_qsl(query, strict_parsing=True)) if query else {}
    busy_ms = int(options.pop("busy_ms", BUSY_MS))
    if options:
        raise ValueError(f"unknown option in the database URL: {', '.join(options)}")
    if rest in ("", MEMORY, "/" + MEMORY):
        return MEMORY, busy_ms
    if not rest.startswith("/") or rest == "/":
        raise ValueError("a SQLite URL is sqlite:///PATH")
    return rest[1:], busy_ms


def _raise(error: sqlite3.Error) -> NoReturn:
    """Raise it as one of our own errors, or as it is where it can only be a bug."""
    code = getattr(error, "sqlite_errorcode", 0)
    if isinstance(error, sqlite3.IntegrityError):
        kind = UniqueViolation if code in _UNIQUE else ConstraintViolation
        raise kind(str(error)) from error
    if code & 0xFF in _UNAVAILABLE:
        raise DatabaseBusy(str(error)) from error
    if code & 0xFF == sqlite3.SQLITE_READONLY:
        raise RuntimeError(WRITE_IN_READ) from error
    raise error


@lru_cache(maxsize=512)
def _insert_sql(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"


@lru_cache(maxsize=512)
def _update_sql(table: str, keys: tuple[str, ...], columns: tuple[str, ...], add: bool) -> str:
    changes = ", ".join(f"{name} = {name} + ?" if add else f"{name} = ?" for name in columns)
    return f"UPDATE {table} SET {changes} WHERE {' AND '.join(f'{name} = ?' for name in keys)}"


class SqliteTransaction:
    """A transaction on SQLite; see `Transaction`."""

    dialect: Dialect = "sqlite"
    lock_suffix = ""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self.spent = False

    def _check_usable(self) -> None:
        if self.spent:
            raise RuntimeError("the transaction is over: an error in it was swallowed, or it was kept")

    def all(self, sql: str, params: Params = ()) -> list[Row]:
        """All rows."""
        self._check_usable()
        try:
            return self._connection.execute(check_sql(sql), params).fetchall()
        except sqlite3.Error as error:
            self.spent = True
            _raise(error)

    def one(self, sql: str, params: Params = ()) -> Row | None:
        """The first row, or None."""
        self._check_usable()
        try:
            cursor = self._connection.execute(check_sql(sql), params)
            row: Row | None = cursor.fetchone()
            cursor.close()  # an open SELECT would hold its snapshot beyond this transaction
            return row
        except sqlite3.Error as error:
            self.spent = True
            _raise(error)

    def run(self, sql: str, params: Params = ()) -> int:
        """Run a statement; the number of rows that it changed."""
        self._check_usable()
        try:
            return max(self._connection.execute(check_sql(sql), params).rowcount, 0)
        except sqlite3.Error as error:
            self.spent = True
            _raise(error)

    def _execute_many(self, sql: str, rows: Sequence[Row]) -> int:
        self._check_usable()
        try:
            return self._connection.executemany(sql, rows).rowcount
        except sqlite3.Error as error:
            self.spent = True
            _raise(error)

    def insert_many(self, table: str, columns: Columns, rows: Sequence[Row]) -> None:
        """Insert rows, all or none."""
        if rows:
            check_width(rows, len(columns))
            self._execute_many(_insert_sql(table, tuple(columns)), rows)

    def update_many(
        self,
        table: str,
        key_columns: Columns,
        set_columns: Columns,
        rows: Sequence[Row],
        *,
        add: bool = False,
    ) -> int:
        """Update one row per entry; the number of rows that changed."""
        if not rows:
            return 0
        keys = len(key_columns)
        check_width(rows, keys + len(set_columns))
        check_distinct_keys(rows, keys)
        sql = _update_sql(table, tuple(key_columns), tuple(set_columns), add)
        return self._execute_many(sql, [row[keys:] + row[:keys] for row in rows])

    def select_in(self, sql: str, values: Sequence[Any], kind: Kind, params: Params = ()) -> list[Row]:
        """Rows whose column is one of `values`."""
        before, after = split_select_in(sql, values)
        if not values:
            return []
        # Filled up to a power of two with the last value, so that few statements fill the cache.
        size = 1 << (len(values) - 1).bit_length()
        marks = ",".join("?" * size)
        filler = [values[-1]] * (size - len(values))
        return self.all(f"{before}IN ({marks}){after}", [*params, *values, *filler])

    def together(self) -> AbstractContextManager[None]:
        """Nothing to gain: every statement is a call in this process."""
        return nullcontext()

    def now_us(self) -> int:
        """The clock given to the database."""
        return self._clock.now_us()


class SqliteSession:
    """One connection to one file."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: str, clock: Clock, *, busy_ms: int = BUSY_MS) -> None:
        self._path = path
        self._clock = clock
        self._busy_ms = busy_ms
        self._connection: sqlite3.Connection | None = None
        self._read_only = False

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = connect(self._path, self._busy_ms)
            except sqlite3.Error as error:
                _raise(error)
            self._read_only = False
        return self._connection

    def transact(self, work: Callable[[Transaction], T], *, writes: bool) -> T:
        """Begin, work, commit; roll back and raise again what `work` raises."""
        connection = self._open()
        transaction = SqliteTransaction(connection, self._clock)
        try:
            if self._read_only is writes:
                connection.execute(f"PRAGMA query_only = {int(not writes)}")
                self._read_only = not writes
            connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        except sqlite3.Error as error:
            _raise(error)
        try:
            answer = work(transaction)
            if transaction.spent:
                raise RuntimeError("an error of the database was swallowed inside a transaction")
        except BaseException:
            transaction.spent = True
            self._roll_back(connection)
            raise
        transaction.spent = True
        self._commit(connection)
        return answer

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        # Some errors (disk full) have already rolled back; one while rolling back leaves nothing to save.
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                self.close()

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            self._roll_back(connection)
            _raise(error)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY or self._path == MEMORY:
                self._roll_back(connection)
                _raise(error)
            # The log may or may not have reached the disk. A fresh connection reads what is really there.
            self.close()
            raise ConnectionLost(str(error), during_commit=True) from error

    def close(self) -> None:
        """Drop the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def make_file(path: str) -> None:
    """An empty file of mode 0600 where there is none: SQLite would make it readable for everyone. Raises OSError.

    A file that is there is never opened here. To close it would let go every lock that SQLite holds on it in this
    process (POSIX), and then the last connection of any other process would throw the write-ahead log away.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def connect(path: str, busy_ms: int = BUSY_MS) -> sqlite3.Connection:
    """A connection as the chapters ask for it. Raises OSError, sqlite3.Error."""
    if path != MEMORY:
        make_file(path)
    connection = sqlite3.connect(
        path,
        timeout=busy_ms / 1_000,
        isolation_level=None,  # BEGIN and COMMIT are ours
        cached_statements=STATEMENTS_CACHED,
        check_same_thread=False,  # closed by another thread than the one that uses it
    )
    try:
        # SPEC ISSUANCE-9.2.6
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # INSERT OR REPLACE deletes; only with this does it fire the triggers of an append-only table.
        connection.execute("PRAGMA recursive_triggers = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def backup_sqlite(url: str, destination: Path) -> None:
    """Copy a database to a file while it is in use; the file appears complete or not at all.

    Raises FileExistsError, ValueError (a database in memory), sqlite3.Error.
    Spec: ISSUANCE-17.3 (what a restore must check is the room's).
    """
    path, busy_ms = sqlite_path(url)
    if path == MEMORY or not Path(path).exists():
        raise ValueError("there is no file to back up")
    if destination.exists():
        raise FileExistsError(destination)
    part = destination.with_name(destination.name + ".part")
    with closing(connect(path, busy_ms)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
        # One plain file: a copy in WAL mode would want its two companions when opened from a read-only place.
        target.execute("PRAGMA journal_mode = DELETE").fetchone()
        if target.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("the copy is damaged")
    _sync(part)
    os.replace(part, destination)
    _sync(destination.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
