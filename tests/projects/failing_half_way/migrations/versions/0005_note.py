"""Add a note to clients."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("clients", sa.Column("note", sa.Text))


def downgrade() -> None:
    op.drop_column("clients", "note")
