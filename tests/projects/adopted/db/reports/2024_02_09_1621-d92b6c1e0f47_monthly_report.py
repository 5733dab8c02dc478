"""monthly report

Revision ID: d92b6c1e0f47
Revises: c4a9f0e17b35
Create Date: 2024-02-09 16:21:07.018833

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = 'd92b6c1e0f47'
down_revision: Union[str, Sequence[str], None] = 'c4a9f0e17b35'
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    op.execute(
        """
        CREATE VIEW monthly_report AS
        SELECT date_trunc('month', placed_at) AS month, sum(amount) AS total FROM orders GROUP BY 1
        """
    )


def downgrade() -> None:
    pass
