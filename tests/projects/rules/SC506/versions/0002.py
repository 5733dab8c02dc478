import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("orders", sa.Column("note", sa.Text()))
    op.add_column("clients", sa.Column("note", sa.Text()))
    op.add_column("parcels", sa.Column("note", sa.Text()))
