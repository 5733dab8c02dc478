from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("ALTER TABLE orders DROP CONSTRAINT IF EXISTS nothing, ADD COLUMN note text")
    op.execute("CREATE INDEX ix_lines_order_id ON lines (order_id)")
