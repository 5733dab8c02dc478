from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE MATERIALIZED VIEW later AS SELECT id FROM orders WITH NO DATA")
    op.execute("CREATE MATERIALIZED VIEW sales AS SELECT id, amount FROM orders")
