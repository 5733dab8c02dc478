"""UniqueEmail

Revision ID: 1750000003000
Revises: 1750000001000
Create Date: 2025-06-15 15:06:43+00:00

"""

from alembic import op

revision = "1750000003000"
down_revision = "1750000001000"


def upgrade() -> None:
    op.create_unique_constraint("clients_email_key", "clients", ["email"])


def downgrade() -> None:
    op.drop_constraint("clients_email_key", "clients")
