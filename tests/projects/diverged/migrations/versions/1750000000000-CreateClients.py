"""CreateClients

Revision ID: 1750000000000
Revises:
Create Date: 2025-06-15 15:06:40+00:00

"""

import sqlalchemy as sa
from alembic import op

revision = "1750000000000"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "clients", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(80), nullable=False)
    )


def downgrade() -> None:
    op.drop_table("clients")
