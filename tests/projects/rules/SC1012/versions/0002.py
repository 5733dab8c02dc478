from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("COMMENT ON TABLE public.orders IS 'all of them'")
    op.execute("ALTER TABLE orders ALTER COLUMN code SET STATISTICS 500")
