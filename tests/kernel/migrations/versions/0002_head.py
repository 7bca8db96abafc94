"""The head of the log."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table and its one row."""
    op.execute("CREATE TABLE head (id BIGINT PRIMARY KEY, seq BIGINT NOT NULL)")
    op.execute("INSERT INTO head VALUES (1, 0)")
