from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.alter_column("orders", "code", new_column_name="number")
