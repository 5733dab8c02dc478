from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CLUSTER orders USING orders_pkey")
    with op.get_context().autocommit_block():
        op.execute("VACUUM (FULL) orders")
