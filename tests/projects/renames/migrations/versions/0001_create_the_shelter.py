"""Create the shelter

Revision ID: 0001
Revises:
Create Date: 2026-01-05 09:00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TYPE owner_state AS ENUM ('active', 'gone')")
    op.create_table(
        "owners",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("full_name", sa.String(length=80), nullable=False),
        sa.Column("email", sa.String(length=120), nullable=True),
        sa.Column(
            "state",
            postgresql.ENUM("active", "gone", name="owner_state", create_type=False),
            nullable=False,
        ),
        sa.CheckConstraint(
            "length(full_name) > 1", name=op.f("ck_owners_full_name_long")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owners")),
        sa.UniqueConstraint("email", name=op.f("uq_owners_email")),
    )
    op.create_index(op.f("ix_owners_full_name"), "owners", ["full_name"], unique=False)
    op.create_table(
        "animals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["owners.id"],
            name=op.f("fk_animals_owner_id_owners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_animals")),
    )
    op.create_index(op.f("ix_animals_owner_id"), "animals", ["owner_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_animals_owner_id"), table_name="animals")
    op.drop_table("animals")
    op.drop_index(op.f("ix_owners_full_name"), table_name="owners")
    op.drop_table("owners")
    op.execute("DROP TYPE owner_state")
