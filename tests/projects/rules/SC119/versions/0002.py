from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("ALTER DOMAIN amount ADD CONSTRAINT small CHECK (VALUE < 10000) NOT VALID")
    op.execute("ALTER DOMAIN amount ADD CONSTRAINT positive CHECK (VALUE > 0)")
