"""Create the clinic."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

SCHEMA = "clinic"


def upgrade() -> None:
    op.execute("CREATE SCHEMA clinic")
    op.create_table(
        "owners",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("email", sa.String(120)),
        sa.Column("phone", sa.String(20)),
        schema=SCHEMA,
    )
    op.create_table(
        "pets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("owner_id", sa.Integer, sa.ForeignKey("clinic.owners.id"), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("species", sa.Enum("dog", "cat", "ferret", name="species", schema=SCHEMA), nullable=False),
        sa.Column("weight", sa.Integer),
        sa.Column("tags", postgresql.ARRAY(sa.Text), server_default="{}", nullable=False),
        sa.Column("details", postgresql.JSONB, server_default="{}", nullable=False),
        sa.Column("history", sa.Text),
        sa.Column("created_at", sa.DateTime, server_default=sa.func.now(), nullable=False),
        sa.Column("legacy_code", sa.String(10)),
        sa.CheckConstraint("weight > 0", name="ck_pets_weight"),
        schema=SCHEMA,
    )
    op.create_table(
        "pet_friends",
        sa.Column("pet_id", sa.Integer, sa.ForeignKey("clinic.pets.id"), primary_key=True),
        sa.Column("friend_id", sa.Integer, sa.ForeignKey("clinic.pets.id"), primary_key=True),
        schema=SCHEMA,
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("ward", sa.String(20)),
        schema=SCHEMA,
    )
    op.create_table(
        "vets",
        sa.Column("id", sa.Integer, sa.ForeignKey("clinic.staff.id"), primary_key=True),
        sa.Column("licence", sa.String(20), nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "visits",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("pet_id", sa.Integer, sa.ForeignKey("clinic.pets.id"), nullable=False),
        sa.Column("fee", sa.Numeric(8, 2), nullable=False),
        sa.Column("vat", sa.Numeric(8, 2), sa.Computed("fee * 0.2", persisted=True)),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.execute("DROP SCHEMA clinic CASCADE")
