"""Index the name of clients, then fail."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("CREATE TABLE visits (id int PRIMARY KEY)")
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY clients_name_idx ON clients (name)")
    op.execute("ALTER TABLE visits ADD COLUMN clinic int REFERENCES clinics (id)")


def downgrade() -> None:
    op.execute("DROP INDEX clients_name_idx")
    op.execute("DROP TABLE visits")
