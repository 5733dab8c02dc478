"""Add email to clients."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("email", sa.String(120), unique=True))


def downgrade() -> None:
    op.drop_column("clients", "email")
