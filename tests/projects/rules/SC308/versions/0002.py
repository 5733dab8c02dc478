from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.get_context().autocommit_block():
        op.drop_index("orders_code", "orders", postgresql_concurrently=True)
        op.create_index("orders_code_placed", "orders", ["code", "placed"], postgresql_concurrently=True)
