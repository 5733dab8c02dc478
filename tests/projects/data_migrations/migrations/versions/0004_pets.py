"""Give each client of Kiel a pet."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("CREATE TYPE mood AS ENUM ('calm', 'wild')")
    op.execute("CREATE TABLE pets (id integer PRIMARY KEY, name varchar(40) NOT NULL, mood mood)")
    connection = op.get_bind()
    for (client,) in connection.execute(sa.text("SELECT id FROM clients WHERE city = 'Kiel'")).fetchall():
        connection.execute(sa.text("INSERT INTO pets (id, name) VALUES (:id, 'Rex')"), {"id": client})


def downgrade() -> None:
    op.drop_table("pets")
    op.execute("DROP TYPE mood")
