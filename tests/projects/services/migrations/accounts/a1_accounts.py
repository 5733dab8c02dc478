"""Create accounts."""

import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None
branch_labels = ("accounts",)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("legacy_name", sa.String(80)),
    )


def downgrade() -> None:
    op.drop_table("accounts")
