import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("orders", sa.Column("state", sa.Text(), nullable=False))
    op.add_column("orders", sa.Column("kind", sa.Text(), server_default="x", nullable=False))
    op.alter_column("orders", "kind", server_default=None)
    op.add_column("orders", sa.Column("place", sa.Text(), server_default="x", nullable=False))
