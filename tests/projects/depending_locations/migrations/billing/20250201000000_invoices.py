"""Create invoices, which need visits."""

from alembic import op

revision = "20250201000000"
down_revision = None
branch_labels = ("billing",)
depends_on = ("20250301000000",)


def upgrade() -> None:
    op.execute("CREATE TABLE invoices (id serial PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE invoices")
