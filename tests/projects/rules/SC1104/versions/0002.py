from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("GRANT SELECT ON orders TO PUBLIC")
    op.execute("GRANT SELECT ON orders TO CURRENT_USER")
    op.execute("GRANT pg_monitor TO CURRENT_USER")
