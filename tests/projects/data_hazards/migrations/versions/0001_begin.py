"""Clients, pets and visits, as somebody in a hurry made them."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TYPE kind AS ENUM ('dog', 'cat', 'parrot')")
    op.execute("CREATE TABLE clients (id integer PRIMARY KEY, email text, phone text, fax text)")
    op.execute("CREATE TABLE pets (id integer PRIMARY KEY, client_id integer, name text, weight integer, kind kind)")
    op.execute("CREATE TABLE visits (id integer PRIMARY KEY, pet_id integer, cost text, note text)")
    op.execute("CREATE TABLE imports (id integer PRIMARY KEY, line text)")


def downgrade() -> None:
    op.execute("DROP TABLE imports, visits, pets, clients")
    op.execute("DROP TYPE kind")
