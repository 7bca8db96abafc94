"""The database: transactions on SQLite and PostgreSQL, and the batched writer over them."""

from specie.kernel.db.database import open_database
from specie.kernel.db.sqlite import backup_sqlite
from specie.kernel.db.types import (
    SELECT_IN_MAX,
    Columns,
    ConnectionLost,
    ConstraintViolation,
    Database,
    DatabaseBusy,
    Dialect,
    Kind,
    Row,
    Transaction,
    UniqueViolation,
)
from specie.kernel.db.writer import BatchedWriter

__all__ = [
    "SELECT_IN_MAX",
    "BatchedWriter",
    "Columns",
    "ConnectionLost",
    "ConstraintViolation",
    "Database",
    "DatabaseBusy",
    "Dialect",
    "Kind",
    "Row",
    "Transaction",
    "UniqueViolation",
    "backup_sqlite",
    "open_database",
]
