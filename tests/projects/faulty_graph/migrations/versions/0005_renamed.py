"""Do nothing."""

from alembic import op

revision = "0006"
down_revision = "0001"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
