"""Fill the initials of clients from rows that are read."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("clients", sa.Column("initial", sa.String(1)))
    clients = sa.table("clients", sa.column("id", sa.Integer), sa.column("name", sa.Text), sa.column("initial", sa.String))
    connection = op.get_bind()
    for row in connection.execute(sa.select(clients.c.id, clients.c.name).order_by(clients.c.id)).all():
        connection.execute(sa.update(clients).where(clients.c.id == row.id).values(initial=row.name[:1]))
    if connection.scalar(sa.select(sa.func.count()).select_from(clients).where(clients.c.initial.is_(None))):
        raise RuntimeError("a client has no name")
    op.alter_column("clients", "initial", nullable=False)


def downgrade() -> None:
    op.drop_column("clients", "initial")
