"""Drop the legacy name of accounts."""

import sqlalchemy as sa
from alembic import op

revision = "z1"
down_revision = "m1"
requires_release = "2.4.0"


def upgrade() -> None:
    op.drop_column("accounts", "legacy_name")


def downgrade() -> None:
    op.add_column("accounts", sa.Column("legacy_name", sa.String(80)))
