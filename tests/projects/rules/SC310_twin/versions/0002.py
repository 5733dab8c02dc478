import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.get_context().autocommit_block():
        op.create_index("orders_placed_2", "orders", ["placed"], postgresql_concurrently=True)
        op.create_index("orders_code", "orders", ["code"], postgresql_concurrently=True)
        op.create_index("orders_paid", "orders", ["placed"], postgresql_where=sa.text("amount > 0"), postgresql_concurrently=True)
