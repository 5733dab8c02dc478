from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("DROP VIEW paid")
    op.execute("DROP SEQUENCE numbers")
    op.execute("DROP TRIGGER touch ON orders")
    op.execute("DROP FUNCTION touch")
    op.execute("CREATE VIEW paid AS SELECT id, amount FROM orders WHERE amount > 0")
    op.execute("DROP VIEW IF EXISTS never")
