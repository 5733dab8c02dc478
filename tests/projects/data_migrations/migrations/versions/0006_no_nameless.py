"""Remove clients without a name."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("DELETE FROM clients WHERE name = ''")


def downgrade() -> None:
    raise NotImplementedError("the rows are gone")
