"""Create clients."""

from alembic import op

revision = "20250101000000"
down_revision = None
branch_labels = ("clinic",)


def upgrade() -> None:
    op.execute("CREATE TABLE clients (id serial PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE clients")
