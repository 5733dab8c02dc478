"""One client for an address, each with a telephone."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE UNIQUE INDEX clients_email ON clients (lower(email))")
    op.alter_column("clients", "phone", nullable=False)
    op.drop_column("clients", "fax")


def downgrade() -> None:
    op.execute("ALTER TABLE clients ADD COLUMN fax text")
    op.alter_column("clients", "phone", nullable=True)
    op.drop_index("clients_email")
