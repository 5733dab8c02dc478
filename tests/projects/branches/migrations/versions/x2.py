"""Audit pets."""

from alembic import op

revision = "x2"
down_revision = "x1"
depends_on = ("d1",)


def upgrade() -> None:
    op.execute("CREATE TABLE audit_pets (id int PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE audit_pets")
