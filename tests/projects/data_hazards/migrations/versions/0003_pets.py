"""Pets have owners and weights, and are dogs or cats."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_foreign_key("pets_client", "pets", "clients", ["client_id"], ["id"])
    op.create_check_constraint("pets_weight", "pets", "weight > 0")
    op.execute("ALTER TYPE kind RENAME TO kind_old")
    op.execute("CREATE TYPE kind AS ENUM ('dog', 'cat')")
    op.execute("ALTER TABLE pets ALTER COLUMN kind TYPE kind USING kind::text::kind")
    op.execute("DROP TYPE kind_old")


def downgrade() -> None:
    op.execute("ALTER TYPE kind ADD VALUE 'parrot'")
    op.drop_constraint("pets_weight", "pets")
    op.drop_constraint("pets_client", "pets")
