from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("ALTER SEQUENCE numbers RESTART WITH 1000")
    op.execute("ALTER ROLE CURRENT_USER SET backend_flush_after = 0")
