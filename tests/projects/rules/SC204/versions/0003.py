import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    op.add_column("orders", sa.Column("note", sa.Text()))
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT amount_positive")
