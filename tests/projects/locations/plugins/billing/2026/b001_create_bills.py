"""Create bills, a base of its own."""

import sqlalchemy as sa
from alembic import op

revision = "b001"
down_revision = None
branch_labels = ("billing",)
depends_on = "0001"


def upgrade() -> None:
    op.create_table(
        "bills",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client", sa.Integer, sa.ForeignKey("clients.id"), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("bills")
