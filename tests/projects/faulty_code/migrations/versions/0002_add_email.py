"""Add email to clients, with a typing error in the SQL."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE clients
            ADD COLUM email varchar(120)
        """
    )


def downgrade() -> None:
    op.execute("ALTER TABLE clients DROP COLUMN email")
