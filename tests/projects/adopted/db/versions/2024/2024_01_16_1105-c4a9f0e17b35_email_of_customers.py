"""email of customers

Revision ID: c4a9f0e17b35
Revises: 8b7e2d4c6f10
Create Date: 2024-01-16 11:05:31.448210

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = 'c4a9f0e17b35'
down_revision: Union[str, Sequence[str], None] = '8b7e2d4c6f10'
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    op.add_column('customers', sa.Column('email', sa.String(length=200), nullable=True))
    op.execute("UPDATE customers SET email = 'customer' || id || '@example.org'")
    op.alter_column('customers', 'email', nullable=False)
    op.create_unique_constraint('customers_email_key', 'customers', ['email'])


def downgrade() -> None:
    op.drop_column('customers', 'email')
