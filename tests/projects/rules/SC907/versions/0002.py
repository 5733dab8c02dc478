import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    countries = op.create_table(
        "countries",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
    )
    op.bulk_insert(countries, [{"id": 1, "name": "Chad"}, {"id": 2, "name": "Fiji"}])
