"""Add email to clients."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("clients", sa.Column("email", sa.String(120), unique=True))


def downgrade() -> None:
    op.drop_column("clients", "email")
