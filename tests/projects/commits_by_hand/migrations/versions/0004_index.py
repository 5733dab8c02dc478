"""Index the name of clients, with a COMMIT by hand as psycopg2 allowed it."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("COMMIT")
    op.execute("CREATE INDEX CONCURRENTLY clients_name_idx ON clients (name)")


def downgrade() -> None:
    op.drop_index("clients_name_idx")
