"""note of orders

Revision ID: e15d7a3b8c62
Revises: d92b6c1e0f47
Create Date: 2024-06-03 08:47:55.630177

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = 'e15d7a3b8c62'
down_revision: Union[str, Sequence[str], None] = 'd92b6c1e0f47'
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    op.add_column('orders', sa.Column('note', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('orders', 'note')
