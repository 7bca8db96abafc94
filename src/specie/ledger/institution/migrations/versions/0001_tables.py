"""The first table."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE redemption(withdraw_ref {blob} PRIMARY KEY, token {blob} NOT NULL, amount BIGINT NOT NULL,
    beneficiary TEXT NOT NULL, made_us BIGINT NOT NULL, state SMALLINT NOT NULL, request {blob}, frame {blob},
    receipt {blob}, detail TEXT NOT NULL)
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(TABLE.format(blob="BYTEA" if op.get_context().dialect.name == "postgresql" else "BLOB"))


def downgrade() -> None:
    """There is nothing before the first revision."""
    raise RuntimeError("the first revision cannot be taken back; restore a backup instead")
