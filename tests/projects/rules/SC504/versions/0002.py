from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT positive")
