from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE DOMAIN amount AS integer")
    op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, total amount)")
    op.execute("INSERT INTO orders SELECT g, g FROM generate_series(1, 100) g")
