from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE INDEX events_id ON ONLY events (id)")
    op.create_index("events_kind", "events", ["kind"])
