from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, client text)")
    op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY own ON orders FOR SELECT USING (client = current_user)")
