"""Create clients and visits."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE clients (id int PRIMARY KEY, name varchar(80) NOT NULL)")
    op.execute("CREATE TABLE visits (id int PRIMARY KEY, client_id int NOT NULL, note text)")


def downgrade() -> None:
    op.execute("DROP TABLE visits")
    op.execute("DROP TABLE clients")
