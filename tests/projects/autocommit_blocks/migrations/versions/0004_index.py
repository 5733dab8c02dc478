"""Index the name of clients concurrently, between two statements in transactions."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE clients ADD COLUMN before int")
    with op.get_context().autocommit_block():
        op.create_index("clients_name_idx", "clients", ["name"], postgresql_concurrently=True)
    op.execute("ALTER TABLE clients ADD COLUMN after int")


def downgrade() -> None:
    op.execute("ALTER TABLE clients DROP COLUMN after")
    with op.get_context().autocommit_block():
        op.drop_index("clients_name_idx", "clients", postgresql_concurrently=True)
    op.execute("ALTER TABLE clients DROP COLUMN before")
