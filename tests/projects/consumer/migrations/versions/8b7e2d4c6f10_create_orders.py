"""create orders

Revision ID: 8b7e2d4c6f10
Revises: 3f1c0a5d9e21
Create Date: 2025-03-05 09:00:00

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision: str = "8b7e2d4c6f10"
down_revision: Union[str, Sequence[str], None] = "3f1c0a5d9e21"
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None

order_state = postgresql.ENUM("open", "paid", "sent", name="order_state", create_type=False)


def upgrade() -> None:
    """Upgrade schema."""
    order_state.create(op.get_bind())
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("state", order_state, server_default="open", nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("total_cents >= 0", name=op.f("ck_orders_total_not_negative")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_orders_customer_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )
    op.create_index(op.f("ix_orders_customer_id"), "orders", ["customer_id"])


def downgrade() -> None:
    """Downgrade schema."""
    op.drop_table("orders")
    order_state.drop(op.get_bind())
