"""Make the email of clients unique."""

from alembic import op

revision = "c4a9f0e17b35"
down_revision = "8b7e2d4c6f10"


def upgrade() -> None:
    op.create_unique_constraint("clients_email_key", "clients", ["email"])


def downgrade() -> None:
    op.drop_constraint("clients_email_key", "clients")
