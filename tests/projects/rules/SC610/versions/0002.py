import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("DROP TABLE IF EXISTS orders")
    op.create_table("orders", sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True))
