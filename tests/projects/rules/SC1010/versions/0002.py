from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE TABLE orders (paid boolean, id bigint PRIMARY KEY, sent boolean, total bigint)")
    op.execute("CREATE TABLE clients (id bigint PRIMARY KEY, name text, known boolean)")
