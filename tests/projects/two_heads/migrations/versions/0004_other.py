"""Index the name of clients."""

from alembic import op

revision = "0004"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("clients_name_idx", "clients", ["name"])


def downgrade() -> None:
    op.drop_index("clients_name_idx")
