"""Make the email of clients unique."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_unique_constraint("clients_email_key", "clients", ["email"])


def downgrade() -> None:
    op.drop_constraint("clients_email_key", "clients")
