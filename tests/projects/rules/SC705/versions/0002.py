from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.alter_column("orders", "state", server_default=None)
    op.alter_column("orders", "note", server_default="-")
