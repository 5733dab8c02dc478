from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE orders (id bigint, code text)")
    op.execute("INSERT INTO orders SELECT g, 'c' FROM generate_series(1, 100) g")
