from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, amount integer, CONSTRAINT amount_positive CHECK (amount > 0), CONSTRAINT amount_known CHECK (amount IS NOT NULL))")
