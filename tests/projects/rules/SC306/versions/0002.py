from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout TO '2s'")
        op.create_index("orders_code", "orders", ["code"], postgresql_concurrently=True)
