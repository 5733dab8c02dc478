"""AddPhone

Revision ID: 1750000002000
Revises: 1750000000000
Create Date: 2025-06-15 15:06:42+00:00

"""

import sqlalchemy as sa
from alembic import op

revision = "1750000002000"
down_revision = "1750000000000"


def upgrade() -> None:
    op.add_column("clients", sa.Column("phone", sa.String(20)))


def downgrade() -> None:
    op.drop_column("clients", "phone")
