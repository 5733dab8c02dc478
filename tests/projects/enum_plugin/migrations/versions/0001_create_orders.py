"""Create orders."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("payment", sa.Enum("cash", "card", name="payment"), server_default="cash", nullable=False),
        sa.CheckConstraint("payment <> 'card' OR id > 0", name="paid"),
    )
    op.create_index("cash_orders", "orders", ["id"], postgresql_where=sa.text("payment = 'cash'"))


def downgrade() -> None:
    op.drop_table("orders")
    op.execute("DROP TYPE payment")
