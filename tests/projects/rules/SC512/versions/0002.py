from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("ALTER TABLE orders ALTER COLUMN amount TYPE bigint")
    op.execute("ALTER TABLE orders ALTER COLUMN code TYPE varchar(50)")
