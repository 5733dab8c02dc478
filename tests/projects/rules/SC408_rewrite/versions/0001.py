from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE events (id bigint NOT NULL, kind text) PARTITION BY RANGE (id)")
    op.execute("CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100)")
    op.execute("CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (100) TO (200)")
    op.execute("INSERT INTO events SELECT g, 'k' FROM generate_series(0, 199) g")
    op.execute("ALTER TABLE events ADD COLUMN amount integer")
