from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("UPDATE orders SET amount = 0 WHERE amount IS NULL")
