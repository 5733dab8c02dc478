from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_check_constraint("amount_positive", "orders", "amount > 0", postgresql_not_valid=True)
