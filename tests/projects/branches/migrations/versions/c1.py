"""Create rooms."""

from alembic import op

revision = "c1"
down_revision = "a1"


def upgrade() -> None:
    op.execute("CREATE TABLE rooms (id int PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE rooms")
