"""Add the phone of accounts."""

import sqlalchemy as sa
from alembic import op

revision = "a2"
down_revision = "a1"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("phone", sa.String(20)))


def downgrade() -> None:
    op.drop_column("accounts", "phone")
