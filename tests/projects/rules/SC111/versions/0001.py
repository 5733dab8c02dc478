from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, name varchar(20) CHECK (name <> ''))")
    op.execute("INSERT INTO orders SELECT g, 'n' || g FROM generate_series(1, 100) g")
