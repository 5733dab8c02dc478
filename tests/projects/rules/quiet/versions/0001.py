from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, code text, amount integer, placed timestamp)")
    op.execute("INSERT INTO orders SELECT g, 'c' || g, g, now() FROM generate_series(1, 100) g")
