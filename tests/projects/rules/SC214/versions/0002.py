from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.alter_column("orders", "amount", nullable=False)
    op.drop_constraint("amount_known", "orders")
    op.drop_constraint("amount_positive", "orders")
