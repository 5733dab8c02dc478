"""Insert the first client and commit."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("INSERT INTO clients (id, name) VALUES (1, 'Ada')")
    op.get_bind().commit()


def downgrade() -> None:
    op.execute("DELETE FROM clients WHERE id = 1")
