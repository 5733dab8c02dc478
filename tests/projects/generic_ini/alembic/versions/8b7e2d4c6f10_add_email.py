"""Add email to clients."""

import sqlalchemy as sa
from alembic import op

revision = "8b7e2d4c6f10"
down_revision = "3f1c0a5d9e21"


def upgrade() -> None:
    op.add_column("clients", sa.Column("email", sa.String(120)))


def downgrade() -> None:
    op.drop_column("clients", "email")
