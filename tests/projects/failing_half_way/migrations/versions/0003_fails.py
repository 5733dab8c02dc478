"""Add the clinic of clients."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE TABLE visits (id int PRIMARY KEY)")
    op.execute("ALTER TABLE clients ADD COLUMN clinic int REFERENCES clinics (id)")


def downgrade() -> None:
    op.execute("DROP TABLE visits")
