"""Create pets."""

from alembic import op

revision = "b1"
down_revision = "a1"


def upgrade() -> None:
    op.execute("CREATE TABLE pets (id int PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE pets")
