from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE INDEX ix_orders_code_and_a_name_that_goes_on_and_on_until_nobody_reads_it ON orders (code) WHERE false")
