from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.get_context().autocommit_block():
        op.execute("UPDATE orders SET amount = amount * 100 WHERE id = 7")
