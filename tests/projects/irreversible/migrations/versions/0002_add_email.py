"""Add email to clients."""

import sqlalchemy as sa
from alembic import op

from seachange import irreversible

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("clients", sa.Column("email", sa.String(120)))


def downgrade() -> None:
    irreversible("the addresses are gone")
