from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_foreign_key("orders_customer_fkey", "orders", "customers", ["customer"], ["code"], postgresql_not_valid=True)
