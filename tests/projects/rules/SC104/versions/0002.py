import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("orders", sa.Column("virtual", sa.Integer(), sa.Computed("amount * 2", persisted=False)))
    op.add_column("orders", sa.Column("double", sa.Integer(), sa.Computed("amount * 2", persisted=True)))
