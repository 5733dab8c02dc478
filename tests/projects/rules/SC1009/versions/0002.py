from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE TABLE notes (body text)")
    op.execute("CREATE TABLE orders (id bigint)")
    op.execute("ALTER TABLE orders ADD PRIMARY KEY (id)")
