from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TYPE state AS ENUM ('new', 'paid', 'sent')")
    op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, state state)")
