from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("DROP VIEW paid")
    op.execute("CREATE VIEW paid AS SELECT id, amount::bigint AS amount FROM orders")
    op.execute("DROP FUNCTION total(integer)")
    op.execute("CREATE FUNCTION total(a bigint) RETURNS bigint LANGUAGE sql AS 'SELECT a'")
