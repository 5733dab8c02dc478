from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_foreign_key("events_kind_fkey", "events", "kinds", ["kind"], ["kind"], postgresql_not_valid=True)
