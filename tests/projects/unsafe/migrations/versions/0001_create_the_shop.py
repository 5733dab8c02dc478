"""Create the shop

Revision ID: 0001
Revises:
Create Date: 2026-03-02 09:00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("id", name="customers_pkey"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("amount", sa.Integer(), nullable=True),
        sa.Column("placed_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="orders_pkey"),
    )
    op.execute("INSERT INTO customers (email) VALUES ('ada@example.org')")
    op.execute(
        "INSERT INTO orders (customer_id, amount, placed_on) VALUES (1, 5, '2026-03-02')"
    )


def downgrade() -> None:
    op.drop_table("orders")
    op.drop_table("customers")
