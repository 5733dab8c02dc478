"""Visits cost numbers; what was never used goes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.alter_column("visits", "cost", type_=sa.Numeric(8, 2), postgresql_using="cost::numeric(8, 2)")
    op.alter_column("visits", "note", type_=sa.String(5))
    op.drop_table("imports")
    op.execute("UPDATE pets SET client_id = 1 WHERE client_id IS NULL")
    op.alter_column("pets", "client_id", nullable=False)


def downgrade() -> None:
    op.alter_column("pets", "client_id", nullable=True)
    op.execute("CREATE TABLE imports (id integer PRIMARY KEY, line text)")
    op.alter_column("visits", "note", type_=sa.Text())
    op.alter_column("visits", "cost", type_=sa.Text())
