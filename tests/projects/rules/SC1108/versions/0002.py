from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE VIEW every_order AS SELECT * FROM orders")
    op.execute("CREATE VIEW own_orders WITH (security_invoker = true) AS SELECT * FROM orders")
