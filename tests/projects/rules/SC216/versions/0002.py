from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("ALTER TABLE orders ADD CONSTRAINT placed_past CHECK (placed < clock_timestamp()) NOT VALID")
    op.execute("ALTER TABLE orders ADD CONSTRAINT few CHECK (total() < 1000) NOT VALID")
    op.execute("ALTER TABLE orders ADD CONSTRAINT short CHECK (length(code) < 100) NOT VALID")
