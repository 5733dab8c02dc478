import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.alter_column("orders", "placed", type_=sa.DateTime(timezone=True), postgresql_using="placed AT TIME ZONE 'UTC'")
