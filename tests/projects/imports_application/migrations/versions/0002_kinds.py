"""Fill kinds from the application's own words."""

import sqlalchemy as sa
from alembic import op

from shop.models import Client
from shop.words import KINDS, shown

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    kinds = op.create_table("kinds", sa.Column("name", sa.Text, primary_key=True), sa.Column("shown", sa.Text, nullable=False))
    op.bulk_insert(kinds, [{"name": name, "shown": shown(name)} for name in KINDS])
    op.add_column(Client.__tablename__, sa.Column("kind", sa.Text, sa.ForeignKey("kinds.name")))


def downgrade() -> None:
    op.drop_column("clients", "kind")
    op.drop_table("kinds")
