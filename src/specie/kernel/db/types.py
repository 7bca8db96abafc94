"""What a store sees of a database: transactions, their errors, and nothing of the driver."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeVar

from specie.kernel.errors import Unavailable

Dialect = Literal["sqlite", "postgresql"]
Kind = Literal["blob", "int", "text"]
Columns = Mapping[str, Kind]
Row = tuple[Any, ...]
Params = Sequence[Any]
T = TypeVar("T")

SELECT_IN_MAX = 8_192
"""Values in one `select_in`: SQLite's limit of parameters is 32,766."""

WRITE_IN_READ = "the database is open for reading only: a `read` tried to write, or the file belongs to another"


class ConstraintViolation(Exception):
    """The database refused a row: CHECK, NOT NULL, a foreign key, or an append-only table."""


class UniqueViolation(ConstraintViolation):
    """The row is already there, by its primary key or a unique index."""


class DatabaseBusy(Unavailable):
    """The database did not answer in time or cannot take work now; nothing was done."""

    code = "system.db_unavailable"


class ConnectionLost(Unavailable):
    """The connection broke; the next call connects again.

    With `during_commit` the outcome is unknown: the transaction may be durable or gone.
    """

    code = "system.db_unavailable"

    def __init__(self, detail: str = "", *, during_commit: bool = False) -> None:
        super().__init__(detail)
        self.during_commit = during_commit


class Transaction(Protocol):
    """One transaction of one connection; valid only inside the function that got it.

    SQL is written once for both dialects, with `?` for a parameter. It holds neither `%` nor a `?` in quotes.
    Values are int, bytes, str and None. After any error the transaction is spent: every further call raises
    RuntimeError, and it is rolled back whatever the function does with the error, as PostgreSQL would.

    Calls raise, as the database decides: UniqueViolation, ConstraintViolation, DatabaseBusy, ConnectionLost.
    """

    dialect: Dialect

    lock_suffix: str
    """" FOR UPDATE" on PostgreSQL; "" on SQLite, where the writer is alone anyway."""

    def all(self, sql: str, params: Params = ()) -> list[Row]:
        """All rows."""
        ...

    def one(self, sql: str, params: Params = ()) -> Row | None:
        """The first row, or None."""
        ...

    def run(self, sql: str, params: Params = ()) -> int:
        """Run a statement; the number of rows that it changed. Check it: it is the guard of an UPDATE."""
        ...

    def insert_many(self, table: str, columns: Columns, rows: Sequence[Row]) -> None:
        """Insert rows, all or none, never skipping one. Values stand in the order of `columns`."""
        ...

    def update_many(
        self,
        table: str,
        key_columns: Columns,
        set_columns: Columns,
        rows: Sequence[Row],
        *,
        add: bool = False,
    ) -> int:
        """Update one row per entry, found by its key; the number of rows that changed.

        A row holds the values of `key_columns`, then of `set_columns`. With `add` the values are added to the
        columns. Raises ValueError for a key that comes twice.
        """
        ...

    def select_in(self, sql: str, values: Sequence[Any], kind: Kind, params: Params = ()) -> list[Row]:
        """Rows whose column is one of `values`: `SELECT a FROM t WHERE x = ? AND a {} ORDER BY a`.

        `{}` stands for the comparison (`IN (...)` or `= ANY (...)`); `params` are for the `?` before it.
        Raises ValueError for more than SELECT_IN_MAX values.
        """
        ...

    def together(self) -> AbstractContextManager[None]:
        """Writes inside may be sent without waiting for each: `run` and `update_many` then answer -1 in place of a
        number, and an error of any of them is raised at the next statement or at the end of the block.
        """
        ...

    def now_us(self) -> int:
        """The time of the database: microseconds since 1970 UTC. Spec: ISSUANCE-5.5.1."""
        ...


class Session(Protocol):
    """One connection and its way to run a transaction; belongs to one thread at a time."""

    dialect: Dialect

    def transact(self, work: Callable[[Transaction], T], *, writes: bool) -> T:
        """Begin, work, commit; roll back and raise again what `work` raises."""
        ...

    def close(self) -> None:
        """Drop the connection."""
        ...


class Database(Protocol):
    """One database: a single writer and readers beside it."""

    dialect: Dialect

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction on the one writer; durable when this returns.

        `work` is synchronous and may run on another thread. What it raises is raised here after a rollback.
        Nothing is retried. Cancelling the caller does not stop a transaction that has begun to wait its turn.
        """
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on one consistent snapshot; writing in it raises RuntimeError."""
        ...

    def write_now(self, work: Callable[[Transaction], T]) -> T:
        """`write` for tools: blocks."""
        ...

    def read_now(self, work: Callable[[Transaction], T]) -> T:
        """`read` for tools: blocks."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the connections."""
        ...

    def close_now(self) -> None:
        """`close` for tools: blocks."""
        ...


@lru_cache(maxsize=2_048)
def check_sql(sql: str) -> str:
    """Refuse SQL that the two dialects would read differently. Raises ValueError."""
    if "%" in sql:
        raise ValueError("SQL with a literal % is not portable: pass it as a parameter")
    if any("?" in quoted for quoted in sql.split("'")[1::2]):
        raise ValueError("SQL with a quoted ? is not portable: pass it as a parameter")
    return sql


def check_distinct_keys(rows: Sequence[Row], key_size: int) -> None:
    """Refuse two entries for one row: PostgreSQL would silently apply only one of them. Raises ValueError."""
    if len({row[:key_size] for row in rows}) != len(rows):
        raise ValueError("update_many got the same key twice")


def check_width(rows: Iterable[Row], width: int) -> None:
    """Refuse rows that do not fit their columns. Raises ValueError."""
    if any(len(row) != width for row in rows):
        raise ValueError(f"a row does not have {width} values")


def split_select_in(sql: str, values: Sequence[Any]) -> tuple[str, str]:
    """The parts of a `select_in` statement before and after its `{}`. Raises ValueError."""
    if len(values) > SELECT_IN_MAX:
        raise ValueError(f"select_in takes at most {SELECT_IN_MAX} values")
    before, mark, after = sql.partition("{}")
    if not mark or "?" in after:
        raise ValueError("select_in needs one {} and no ? behind it")
    return before, after
