import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("orders", sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now()))
    op.add_column("orders", sa.Column("token", sa.Uuid(), server_default=sa.func.gen_random_uuid()))
