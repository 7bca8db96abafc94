"""Migrations: revisions with SQL written by hand for both dialects, kept and ordered by Alembic.

A folder of migrations holds `versions/*.py` and nothing else. Each revision has `revision`, `down_revision`
and `upgrade()`, which calls `op.execute(...)` with one statement at a time and asks
`op.get_context().dialect.name` where the dialects differ. A single colon in a statement is written `\\:`.
The applied revision is remembered in the table `alembic_version` of the same database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from specie.kernel.db.sqlite import connect, sqlite_path
from specie.kernel.db.types import Database, Dialect

_MIGRATION_LOCK = 0x5350_4543_4945  # "SPECIE": two processes that start at once migrate one after the other


def run_migrations(url: str, script_location: Path, target: str = "head") -> None:
    """Bring a database up to a revision, in one transaction; nothing happens where it is there already.

    Raises alembic.util.CommandError for an unknown revision and whatever a failing statement raises.
    """
    script = ScriptDirectory(str(script_location))

    def steps(revision: Any, _: MigrationContext) -> Any:
        return script._upgrade_revs(target, revision)

    with _connection(url) as connection:
        _migrate(MigrationContext.configure(connection, opts={"fn": steps, "transactional_ddl": True}))


def migration_state(url: str, script_location: Path) -> tuple[str | None, str | None]:
    """The revision that the database has and the newest one there is; None stands for nothing."""
    head = ScriptDirectory(str(script_location)).get_current_head()
    with _connection(url) as connection:
        return MigrationContext.configure(connection).get_current_revision(), head


def migration_sql(script_location: Path, dialect: Dialect, target: str = "head") -> tuple[str, ...]:
    """The statements that bring an empty database to a revision, for databases in memory and for reading."""
    script = ScriptDirectory(str(script_location))
    statements = _Statements()

    def steps(_: Any, __: MigrationContext) -> Any:
        return script._upgrade_revs(target, "base")

    options = {"fn": steps, "as_sql": True, "output_buffer": statements, "transactional_ddl": False}
    _migrate(MigrationContext.configure(dialect_name=dialect, opts=options))
    return tuple(statements.texts)


def create_schema(database: Database, script_location: Path) -> None:
    """Bring an empty open database to the newest revision, in one transaction: for databases in memory."""
    statements = migration_sql(script_location, database.dialect)
    database.write_now(lambda transaction: [transaction.run(statement) for statement in statements])


def append_only_sql(table: str, dialect: Dialect, service_role: str | None = None) -> tuple[str, ...]:
    """Statements after which rows of a table can be added and read, but neither changed nor removed.

    On PostgreSQL they also take the rights from everyone but `service_role`, where one is named; the triggers
    hold for the owner too. Spec: ISSUANCE-9.1.1.
    """
    # SPEC ISSUANCE-9.1.1
    if dialect == "sqlite":
        return tuple(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        )
    statements = [
        "CREATE OR REPLACE FUNCTION specie_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = TG_TABLE_NAME || ' is append-only'; "
        "END $$",
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION specie_append_only()",
        f"REVOKE ALL ON {table} FROM PUBLIC",
    ]
    if service_role is not None:
        statements.append(f"REVOKE ALL ON {table} FROM {service_role}")
        statements.append(f"GRANT INSERT, SELECT ON {table} TO {service_role}")
    return tuple(statements)


def _migrate(context: MigrationContext) -> None:
    with Operations.context(context):
        context.run_migrations()


class _Statements:
    """Alembic's output in offline mode: one `write` per statement."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        statement = text.strip()
        if statement and not statement.startswith("-- Running "):
            self.texts.append(statement.removesuffix(";"))

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def _connection(url: str) -> Iterator[sqlalchemy.Connection]:
    """A connection in a transaction that keeps every other migration out."""
    engine = _sqlite_engine(url) if url.startswith("sqlite:") else _postgres_engine(url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            yield connection
    finally:
        engine.dispose()


def _sqlite_engine(url: str) -> sqlalchemy.Engine:
    path, busy_ms = sqlite_path(url)
    engine = sqlalchemy.create_engine(
        "sqlite://", creator=partial(connect, path, busy_ms), poolclass=sqlalchemy.pool.NullPool
    )

    # The driver's own BEGIN would leave statements of schema outside of the transaction.
    @sqlalchemy.event.listens_for(engine, "begin")
    def _begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgres_engine(url: str) -> sqlalchemy.Engine:
    rest = url.partition("://")[2]
    return sqlalchemy.create_engine(f"postgresql+psycopg://{rest}", poolclass=sqlalchemy.pool.NullPool)
