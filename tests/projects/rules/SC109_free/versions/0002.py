import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.alter_column("orders", "name", type_=sa.String(50))
    op.alter_column("orders", "total", type_=sa.Numeric(12, 2))
    op.execute("ALTER TABLE orders ALTER COLUMN address TYPE inet")
    op.execute("ANALYZE orders")
