"""Note visits, in the schema that is put in for a name."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

visits = sa.Table("visits", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), schema="per_customer")


def upgrade() -> None:
    visits.create(op.get_bind())


def downgrade() -> None:
    visits.drop(op.get_bind())
