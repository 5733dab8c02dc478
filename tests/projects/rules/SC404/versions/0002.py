from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM (200) TO (300)")
