"""AddEmail

Revision ID: 1750000001000
Revises: 1750000000000
Create Date: 2025-06-15 15:06:41+00:00

"""

import sqlalchemy as sa
from alembic import op

revision: str = '1750000001000'
down_revision: str | None = '1750000000000'  # as it was then


def upgrade() -> None:
    op.add_column('clients', sa.Column('email', sa.String(120)))


def downgrade() -> None:
    op.drop_column('clients', 'email')
