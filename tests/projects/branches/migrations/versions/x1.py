"""Create audit."""

from alembic import op

revision = "x1"
down_revision = None
branch_labels = ("audit",)


def upgrade() -> None:
    op.execute("CREATE TABLE audit (id int PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE audit")
