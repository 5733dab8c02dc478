"""Create owners."""

from alembic import op

revision = "a1"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE owners (id int PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE owners")
