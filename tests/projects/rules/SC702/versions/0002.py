from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.rename_table("orders", "purchases")
    op.rename_table("clients", "customers")
    op.execute("CREATE VIEW clients AS SELECT * FROM customers")
