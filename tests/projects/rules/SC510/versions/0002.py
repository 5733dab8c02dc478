import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("orders", sa.Column("state", sa.Text()))
    op.execute("UPDATE orders SET state = 'new' WHERE state IS NULL")
