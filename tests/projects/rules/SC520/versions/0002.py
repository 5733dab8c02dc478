from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("COPY orders (code) TO PROGRAM 'true'")
