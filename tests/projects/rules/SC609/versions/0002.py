import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.alter_column("orders", "code", type_=sa.String(20))
    op.alter_column("orders", "total", type_=sa.Numeric(12, 2))
    op.alter_column("orders", "placed", type_=sa.Date())
