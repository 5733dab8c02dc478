from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("ALTER TABLE events ATTACH PARTITION events_3 FOR VALUES FROM (200) TO (300)")
