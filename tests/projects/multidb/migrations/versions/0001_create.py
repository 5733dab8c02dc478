"""Create clients and bills."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade(engine_name: str) -> None:
    globals()[f"upgrade_{engine_name}"]()


def downgrade(engine_name: str) -> None:
    globals()[f"downgrade_{engine_name}"]()


def upgrade_shop() -> None:
    op.create_table("clients", sa.Column("id", sa.Integer, primary_key=True))


def downgrade_shop() -> None:
    op.drop_table("clients")


def upgrade_billing() -> None:
    op.create_table("bills", sa.Column("id", sa.Integer, primary_key=True))


def downgrade_billing() -> None:
    op.drop_table("bills")
