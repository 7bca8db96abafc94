"""The first tables."""

from alembic import op

from specie.bank.store.migrations.tables_0001 import APPEND_ONLY, HEAD, statements
from specie.kernel.db.migrate import append_only_sql
from specie.kernel.db.types import Dialect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, the append-only guards and the empty head."""
    dialect: Dialect = "postgresql" if op.get_context().dialect.name == "postgresql" else "sqlite"
    for statement in statements(dialect):
        op.execute(statement)
    for table in APPEND_ONLY:
        for statement in append_only_sql(table, dialect):
            op.execute(statement)
    op.execute(HEAD[dialect])


def downgrade() -> None:
    """There is nothing before the first revision."""
    raise RuntimeError("the first revision cannot be taken back; restore a backup instead")
