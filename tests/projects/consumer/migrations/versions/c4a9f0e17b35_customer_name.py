"""customer name

Revision ID: c4a9f0e17b35
Revises: 8b7e2d4c6f10
Create Date: 2025-03-06 16:40:00

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa

revision: str = "c4a9f0e17b35"
down_revision: Union[str, Sequence[str], None] = "8b7e2d4c6f10"
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    """Upgrade schema."""
    op.add_column("customers", sa.Column("name", sa.String(100), nullable=True))
    op.execute("UPDATE customers SET name = split_part(email, '@', 1)")
    op.alter_column("customers", "name", nullable=False)


def downgrade() -> None:
    """Downgrade schema."""
    op.drop_column("customers", "name")
