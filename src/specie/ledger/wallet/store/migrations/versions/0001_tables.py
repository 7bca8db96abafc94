"""The first tables."""

from alembic import op

from specie.ledger.wallet.store.migrations.tables_0001 import statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    for statement in statements():
        op.execute(statement)


def downgrade() -> None:
    """There is nothing before the first revision."""
    raise RuntimeError("the first revision cannot be taken back; restore the wallet from its seed instead")
