"""PostgreSQL through psycopg 3: one connection per session, prepared statements, binary values.

A connection pooler in transaction mode would break the prepared statements: connect to the server itself.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq.abc import PGresult

from specie.kernel.clock import Clock
from specie.kernel.db.postgres_link import PostgresLink
from specie.kernel.db.postgres_types import Array, array_type
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

_BEGIN_WRITE = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_BEGIN_READ = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_NOW = b"SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

# Conditions that pass: deadlock, no resources, a lock or a statement that timed out, a disk error.
_BUSY = ("40", "53", "55P03", "57014", "58")
# The server ends the connection or does not take one yet.
_LOST = ("08", "57P")
_READ_ONLY = "25006"
T = TypeVar("T")
_Typed = tuple[tuple[str, Kind], ...]


@lru_cache(maxsize=2_048)
def _native(sql: str) -> bytes:
    first, *others = check_sql(sql).split("?")
    return (first + "".join(f"${n}{part}" for n, part in enumerate(others, 1))).encode()


def _array_marks(columns: _Typed) -> str:
    return ", ".join(f"${n}::{array_type(kind)}" for n, (_, kind) in enumerate(columns, 1))


@lru_cache(maxsize=512)
def _insert_sql(table: str, columns: _Typed) -> bytes:
    # SPEC ISSUANCE-9.2.5, ISSUANCE-9.2.11
    names = ", ".join(name for name, _ in columns)
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({_array_marks(columns)})".encode()


@lru_cache(maxsize=512)
def _update_sql(table: str, keys: _Typed, columns: _Typed, add: bool) -> bytes:
    # SPEC ISSUANCE-9.2.5
    # by place, not by name: a column may be in both, as the state that a row moves from and to
    names = ", ".join(f"v{n}" for n in range(len(keys) + len(columns)))
    sums = [
        (name, f"target.{name} + given.v{n}" if add else f"given.v{n}")
        for n, (name, _) in enumerate(columns, len(keys))
    ]
    changes = ", ".join(f"{name} = {value}" for name, value in sums)
    match = " AND ".join(f"target.{name} = given.v{n}" for n, (name, _) in enumerate(keys))
    source = f"unnest({_array_marks(keys + columns)}) AS given ({names})"
    return f"UPDATE {table} AS target SET {changes} FROM {source} WHERE {match}".encode()


def _arrays(columns: _Typed, rows: Sequence[Row]) -> list[Array]:
    check_width(rows, len(columns))
    return [Array(kind, values) for (_, kind), values in zip(columns, zip(*rows, strict=True), strict=True)]


class PostgresTransaction:
    """A transaction on PostgreSQL; see `Transaction`."""

    dialect: Dialect = "postgresql"
    lock_suffix = " FOR UPDATE"

    def __init__(self, link: PostgresLink, clock: Clock | None) -> None:
        self._link = link
        self._clock = clock
        self._gathers = False
        self.spent = False

    def _execute(self, native: bytes, params: Sequence[Any]) -> PGresult:
        with self._guarded():
            return self._link.execute(native, params)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if self.spent:
            raise RuntimeError("the transaction is over: an error in it was swallowed, or it was kept")
        try:
            yield
        except psycopg.Error as error:
            self.spent = True
            _raise(error, self._link)

    @contextmanager
    def together(self) -> Iterator[None]:
        """One wait for all writes inside: a writer beside a busy event loop pays for each time it waits."""
        if self._gathers:
            yield
            return
        self._gathers = True
        try:
            yield
        finally:
            self._gathers = False
        with self._guarded():
            self._link.settle()

    def _write(self, native: bytes, params: Sequence[Any]) -> int:
        if self._gathers:
            with self._guarded():
                self._link.send(native, params)
            return -1
        return self._execute(native, params).command_tuples or 0

    def all(self, sql: str, params: Params = ()) -> list[Row]:
        """All rows."""
        return self._link.rows(self._execute(_native(sql), params))

    def one(self, sql: str, params: Params = ()) -> Row | None:
        """The first row, or None."""
        rows = self._link.rows(self._execute(_native(sql), params))
        return rows[0] if rows else None

    def run(self, sql: str, params: Params = ()) -> int:
        """Run a statement; the number of rows that it changed."""
        return self._write(_native(sql), params)

    def insert_many(self, table: str, columns: Columns, rows: Sequence[Row]) -> None:
        """Insert rows, all or none."""
        if rows:
            typed = tuple(columns.items())
            self._write(_insert_sql(table, typed), _arrays(typed, rows))

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
        keys, columns = tuple(key_columns.items()), tuple(set_columns.items())
        arrays = _arrays(keys + columns, rows)
        check_distinct_keys(rows, len(keys))
        return self._write(_update_sql(table, keys, columns, add), arrays)

    def select_in(self, sql: str, values: Sequence[Any], kind: Kind, params: Params = ()) -> list[Row]:
        """Rows whose column is one of `values`."""
        before, after = split_select_in(sql, values)
        if not values:
            return []
        statement = _native(f"{before}= ANY (?::{array_type(kind)}){after}")
        return self._link.rows(self._execute(statement, [*params, Array(kind, values)]))

    def now_us(self) -> int:
        """The server's clock, now and not at the beginning of the transaction."""
        if self._clock is not None:
            return self._clock.now_us()
        ((now_us,),) = self._link.rows(self._execute(_NOW, ()))
        return int(now_us)


def _raise(error: psycopg.Error, link: PostgresLink, *, commit: bool = False) -> NoReturn:
    """Raise it as one of our own errors, or as it is where it can only be a bug."""
    state = error.sqlstate or ""
    if link.closed or state.startswith(_LOST) or (not state and isinstance(error, psycopg.OperationalError)):
        link.close()
        raise ConnectionLost(str(error), during_commit=commit) from error
    if isinstance(error, errors.UniqueViolation):
        raise UniqueViolation(str(error)) from error
    if isinstance(error, psycopg.IntegrityError):
        raise ConstraintViolation(str(error)) from error
    if state.startswith(_BUSY):
        raise DatabaseBusy(str(error)) from error
    if error.diag.source_function == "RevalidateCachedQuery":
        link.close()  # a migration changed the columns of a prepared statement
        raise DatabaseBusy(str(error)) from error
    if state == _READ_ONLY:
        raise RuntimeError(WRITE_IN_READ) from error
    raise error


class PostgresSession:
    """One connection; made when first needed and again after it broke."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str, clock: Clock | None) -> None:
        self._url = url
        self._clock = clock
        self._link: PostgresLink | None = None

    def _open(self) -> PostgresLink:
        if self._link is None or self._link.closed:
            try:
                self._link = PostgresLink(self._url)
            except psycopg.OperationalError as error:
                raise ConnectionLost(str(error)) from error
        return self._link

    def transact(self, work: Callable[[Transaction], T], *, writes: bool) -> T:
        """Begin, work, commit; roll back and raise again what `work` raises."""
        link = self._open()
        transaction = PostgresTransaction(link, self._clock)
        try:
            link.control(_BEGIN_WRITE if writes else _BEGIN_READ)
        except psycopg.Error as error:  # also a standby that cannot write: another server may answer next time
            self.close()
            raise ConnectionLost(str(error)) from error
        try:
            answer = work(transaction)
            if transaction.spent:
                raise RuntimeError("an error of the database was swallowed inside a transaction")
        except BaseException:
            transaction.spent = True
            self._roll_back(link)
            raise
        transaction.spent = True
        self._commit(link)
        return answer

    def _roll_back(self, link: PostgresLink) -> None:
        if not link.closed:
            try:
                link.control(b"ROLLBACK")
            except psycopg.Error:
                self.close()

    def _commit(self, link: PostgresLink) -> None:
        try:
            done = link.control(b"COMMIT")
        except psycopg.Error as error:
            _raise(error, link, commit=True)
        # SPEC ISSUANCE-9.2.9
        if done != b"COMMIT":  # the server rolls back a failed transaction without an error
            raise RuntimeError(f"the server answered {done!r} to COMMIT")

    def close(self) -> None:
        """Drop the connection."""
        link, self._link = self._link, None
        if link is not None:
            link.close()
