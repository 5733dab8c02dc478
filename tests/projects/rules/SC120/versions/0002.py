from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE DOMAIN anything AS integer")
    op.execute("CREATE DOMAIN positive AS integer CHECK (VALUE > 0)")
