from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.get_context().autocommit_block():
        op.create_index("ix_orders_code", "orders", ["code"], postgresql_concurrently=True)
    op.create_check_constraint("ck_orders_amount", "orders", "amount > 0", postgresql_not_valid=True)
