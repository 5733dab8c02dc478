"""Add the city of clients and index their names."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("clients", sa.Column("city", sa.String(40)))
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_clients_name ON clients (name)")
    op.execute("COMMENT ON INDEX ix_clients_name IS 'for the search'")


def downgrade() -> None:
    op.drop_index("ix_clients_name", "clients")
    op.drop_column("clients", "city")
