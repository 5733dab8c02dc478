"""Create visits."""

from alembic import op

revision = "20250301000000"
down_revision = "20250101000000"


def upgrade() -> None:
    op.execute("CREATE TABLE visits (id serial PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE visits")
