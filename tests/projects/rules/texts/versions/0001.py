from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE customers (id bigint PRIMARY KEY, name text)")
    op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, code text)")
    op.execute("CREATE INDEX orders_customer_id ON orders (customer_id)")
    op.execute("INSERT INTO customers SELECT g, 'n' || g FROM generate_series(1, 10) g")
    op.execute("INSERT INTO orders SELECT g, 1, 'c' || g FROM generate_series(1, 100) g")
