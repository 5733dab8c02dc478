"""Follow the next one."""

from alembic import op

revision = "0003"
down_revision = "0004"


def upgrade() -> None:
    op.execute("SELECT 1")


def downgrade() -> None:
    op.execute("SELECT 1")
