"""Enter the first clients."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

clients = sa.table("clients", sa.column("id", sa.Integer), sa.column("name", sa.String))


def upgrade() -> None:
    op.bulk_insert(clients, [{"id": number, "name": f"client {number}"} for number in range(1, 501)])
    for number in range(501, 2001):
        op.execute(f"INSERT INTO clients (id, name) VALUES ({number}, 'client {number}')")
    op.execute("UPDATE clients SET name = 'O''Hara' WHERE id = 1")


def downgrade() -> None:
    op.execute("DELETE FROM clients WHERE id <= 2000")
