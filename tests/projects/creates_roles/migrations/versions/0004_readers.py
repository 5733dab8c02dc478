"""Make the extension citext and a role that may read clients."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("CREATE EXTENSION citext")
    op.execute("CREATE ROLE creates_roles_reader NOLOGIN")
    op.execute("GRANT SELECT ON clients TO creates_roles_reader")


def downgrade() -> None:
    op.execute("REVOKE ALL ON clients FROM creates_roles_reader")
    op.execute("DROP ROLE creates_roles_reader")
    op.execute("DROP EXTENSION citext")
