"""AddPetIdToMedicalRecords

A medical record named its pet by the client and the pet's name; it gets pet_id. The pet is found by the appointment or by
the client's pets of that name; a pet that was never registered is registered, so that its record is kept.

Revision ID: 1750112631639
Revises: 1750038234648
Create Date: 2025-06-16 22:23:51.639000+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1750112631639"
down_revision = "1750038234648"
branch_labels = None
depends_on = None

_SAME_PET = "pets.client_id = record.client_id AND lower(btrim(pets.name)) = lower(btrim(record.pet_name))"


def upgrade() -> None:
    op.add_column("medical_records", sa.Column("pet_id", sa.BigInteger(), nullable=True))
    op.execute(f"""
        INSERT INTO pets (client_id, name, species, created_at, updated_at)
        SELECT DISTINCT ON (client_id, lower(btrim(pet_name))) client_id, btrim(pet_name), 'unknown', created_at, created_at
        FROM medical_records AS record
        WHERE NOT EXISTS (SELECT FROM pets WHERE {_SAME_PET})
        ORDER BY client_id, lower(btrim(pet_name)), id""")
    op.execute(f"""
        UPDATE medical_records SET pet_id = found.pet_id
        FROM (
            SELECT DISTINCT ON (record.id) record.id, pets.id AS pet_id
            FROM medical_records AS record
            JOIN pets ON {_SAME_PET}
            LEFT JOIN appointments ON appointments.id = record.appointment_id AND appointments.pet_id = pets.id
            ORDER BY record.id, appointments.id NULLS LAST, pets.id
        ) AS found
        WHERE medical_records.id = found.id""")
    op.alter_column("medical_records", "pet_id", nullable=False)
    op.create_index("ix_medical_records_pet_id", "medical_records", ["pet_id"])
    # NOT VALID: no scan under the lock; ConsolidateSchema validates, in a transaction of its own.
    op.create_foreign_key(
        "fk_medical_records_pet_id_pets",
        "medical_records",
        "pets",
        ["pet_id"],
        ["id"],
        ondelete="CASCADE",
        postgresql_not_valid=True,
    )
    op.drop_column("medical_records", "client_id")
    op.drop_column("medical_records", "pet_name")


def downgrade() -> None:
    op.add_column("medical_records", sa.Column("client_id", sa.BigInteger(), nullable=True))
    op.add_column("medical_records", sa.Column("pet_name", sa.String(100), nullable=True))
    op.execute(
        "UPDATE medical_records SET client_id = pets.client_id, pet_name = pets.name "
        "FROM pets WHERE pets.id = medical_records.pet_id"
    )
    op.alter_column("medical_records", "client_id", nullable=False)
    op.alter_column("medical_records", "pet_name", nullable=False)
    op.create_check_constraint(op.f("ck_medical_records_pet_name"), "medical_records", "btrim(pet_name) <> ''")
    op.create_foreign_key("fk_medical_records_client_id_clients", "medical_records", "clients", ["client_id"], ["id"])
    op.drop_column("medical_records", "pet_id")
