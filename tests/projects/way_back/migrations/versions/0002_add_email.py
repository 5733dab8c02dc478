"""Add the email of clients."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE clients ADD COLUMN email text")


def downgrade() -> None:
    op.execute("ALTER TABLE clients DROP COLUMN email")
