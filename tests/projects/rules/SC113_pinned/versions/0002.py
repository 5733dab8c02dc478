import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("SET LOCAL timezone TO 'UTC'")
    op.alter_column("orders", "placed", type_=sa.DateTime(timezone=True))
