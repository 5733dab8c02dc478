from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE RULE quiet AS ON DELETE TO orders DO INSTEAD NOTHING")
