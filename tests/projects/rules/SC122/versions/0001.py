from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TYPE state AS ENUM ('open', 'paid')")
    op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, state state)")
    op.execute("INSERT INTO orders SELECT g, 'open' FROM generate_series(1, 100) g")
