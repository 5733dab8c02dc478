import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("orders", sa.Column("remark", sa.Text()))
    op.add_column("lines", sa.Column("remark", sa.Text()))
