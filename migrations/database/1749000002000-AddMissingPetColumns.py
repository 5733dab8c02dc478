"""AddMissingPetColumns

Breed, sex, birth date, weight and microchip of a pet. The birth date is worked out from the age, where there is one,
and marked as an estimate; the age stays until FixDatabaseColumns.

Revision ID: 1749000002000
Revises: 1749000001000
Create Date: 2025-06-04 01:20:02+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1749000002000"
down_revision = "1749000001000"
branch_labels = None
depends_on = None

_COLUMNS = ("breed", "sex", "birth_date", "birth_date_estimated", "weight_kg", "microchip")


def upgrade() -> None:
    op.add_column("pets", sa.Column("breed", sa.String(80), nullable=True))
    op.add_column("pets", sa.Column("sex", sa.String(7), server_default="unknown", nullable=False))
    op.add_column("pets", sa.Column("birth_date", sa.Date(), nullable=True))
    op.add_column("pets", sa.Column("birth_date_estimated", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("pets", sa.Column("weight_kg", sa.Numeric(8, 3), nullable=True))
    op.add_column("pets", sa.Column("microchip", sa.String(15), nullable=True))
    op.execute(
        "UPDATE pets SET birth_date = (created_at - make_interval(years => age))::date, birth_date_estimated = true "
        "WHERE age IS NOT NULL"
    )
    op.create_check_constraint(op.f("ck_pets_sex"), "pets", "sex IN ('female', 'male', 'unknown')")
    op.create_check_constraint(op.f("ck_pets_weight_kg"), "pets", "weight_kg > 0")
    op.create_check_constraint(op.f("ck_pets_microchip"), "pets", "microchip ~ '^[0-9]{15}$'")
    op.create_unique_constraint("uq_pets_microchip", "pets", ["microchip"])


def downgrade() -> None:
    # The age is all that the older shape can keep of a birth date.
    op.execute(
        "UPDATE pets SET age = date_part('year', age(created_at::date, birth_date)) "
        "WHERE age IS NULL AND birth_date BETWEEN created_at::date - make_interval(years => 300) AND created_at::date"
    )
    for column in reversed(_COLUMNS):
        op.drop_column("pets", column)
