from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, code text NOT NULL, placed timestamptz)")
    op.execute("INSERT INTO orders SELECT g, 'c' || g, now() FROM generate_series(1, 100) g")
    op.execute("CREATE UNIQUE INDEX orders_code ON orders (code)")
    op.execute("ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_code")
