from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_index("orders_code", "orders", ["code"], if_not_exists=True)
