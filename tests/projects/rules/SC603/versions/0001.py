from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE SCHEMA archive")
    op.execute("CREATE TABLE archive.orders (id bigint PRIMARY KEY)")
