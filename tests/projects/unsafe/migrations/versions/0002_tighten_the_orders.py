"""Tighten the orders

Revision ID: 0002
Revises: 0001
Create Date: 2026-03-09 09:00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("note", sa.Text(), nullable=True))
    # Searched by the report of each month.
    op.create_index("ix_orders_placed_on", "orders", ["placed_on"], unique=False)
    op.create_check_constraint(
        "ck_orders_amount", "orders", "amount >= 0"
    )  # a refund is a row of its own
    op.create_foreign_key(
        "fk_orders_customer_id",
        "orders",
        "customers",
        ["customer_id"],
        ["id"],
        ondelete="RESTRICT",
    )
    op.alter_column("orders", "amount", existing_type=sa.Integer(), nullable=False)
    op.create_unique_constraint("uq_customers_email", "customers", ["email"])


def downgrade() -> None:
    op.drop_constraint("uq_customers_email", "customers", type_="unique")
    op.alter_column("orders", "amount", existing_type=sa.Integer(), nullable=True)
    op.drop_constraint("fk_orders_customer_id", "orders", type_="foreignkey")
    op.drop_constraint("ck_orders_amount", "orders", type_="check")
    op.drop_index("ix_orders_placed_on", table_name="orders")
    op.drop_column("orders", "note")
