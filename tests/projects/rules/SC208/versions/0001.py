from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE customers (id bigint PRIMARY KEY, name text)")
    op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, payer_id bigint REFERENCES customers)")
