from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE TABLE events_rest (id bigint NOT NULL, kind text)")
    op.execute("ALTER TABLE events ATTACH PARTITION events_rest DEFAULT")
