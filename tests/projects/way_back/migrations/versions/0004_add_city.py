"""Add the city of clients."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE clients ADD COLUMN city text")


def downgrade() -> None:
    op.execute("ALTER TABLE clients DROP COLUMN city")
