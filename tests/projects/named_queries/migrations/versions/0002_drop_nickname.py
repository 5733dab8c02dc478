"""drop nickname"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_column("customers", "nickname")


def downgrade() -> None:
    op.add_column("customers", sa.Column("nickname", sa.String(80)))
