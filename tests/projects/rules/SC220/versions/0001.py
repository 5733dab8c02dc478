from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute('CREATE TABLE customers (code text COLLATE "C" PRIMARY KEY)')
    op.execute('CREATE TABLE orders (id bigint PRIMARY KEY, customer text COLLATE "POSIX")')
    op.execute("CREATE INDEX orders_customer ON orders (customer)")
