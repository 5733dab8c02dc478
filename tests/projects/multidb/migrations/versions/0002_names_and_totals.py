"""Add names and totals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade(engine_name: str) -> None:
    globals()[f"upgrade_{engine_name}"]()


def downgrade(engine_name: str) -> None:
    globals()[f"downgrade_{engine_name}"]()


def upgrade_shop() -> None:
    op.add_column("clients", sa.Column("name", sa.Text))


def downgrade_shop() -> None:
    op.drop_column("clients", "name")


def upgrade_billing() -> None:
    op.add_column("bills", sa.Column("total", sa.Numeric))


def downgrade_billing() -> None:
    op.drop_column("bills", "total")
