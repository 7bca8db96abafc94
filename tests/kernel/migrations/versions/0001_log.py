"""The log, append-only."""

from alembic import op

from specie.kernel.db.migrate import append_only_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of the first release."""
    dialect = op.get_context().dialect.name
    blob = "BYTEA" if dialect == "postgresql" else "BLOB"
    op.execute(f"CREATE TABLE log (seq BIGINT PRIMARY KEY, body {blob} NOT NULL)")
    for statement in append_only_sql("log", dialect):  # type: ignore[arg-type]
        op.execute(statement)
