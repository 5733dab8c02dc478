"""Let pets be shy and have longer names."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("ALTER TYPE mood ADD VALUE 'shy' BEFORE 'wild'")
    op.execute("ALTER TABLE pets ALTER COLUMN name TYPE varchar(80)")


def downgrade() -> None:
    op.execute("ALTER TYPE mood RENAME TO mood_with_shy")
    op.execute("CREATE TYPE mood AS ENUM ('calm', 'wild')")
    op.execute("UPDATE pets SET mood = NULL WHERE mood = 'shy'")
    op.execute("ALTER TABLE pets ALTER COLUMN mood TYPE mood USING mood::text::mood")
    op.execute("DROP TYPE mood_with_shy")
    op.execute("ALTER TABLE pets ALTER COLUMN name TYPE varchar(40) USING left(name, 40)")
