"""UpdateMedicalRecordsTable

Each line of medical_records.medications ("Amoxicillin; 250 mg; twice a day") becomes a row of prescriptions, the weight a
number of kilograms, and temperature and follow-up get columns. A record outlives its appointment and its veterinarian, and
may have attachments. A weight that cannot be read stops the revision and is named.

Revision ID: 1750033552868
Revises: 1750032503315
Create Date: 2025-06-16 00:25:52.868000+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1750033552868"
down_revision = "1750032503315"
branch_labels = None
depends_on = None

_WEIGHT = "^ *[0-9]{1,5}([.,][0-9]{1,3})? *(kg)? *$"
_WEIGHT_NUMBER = "nullif(translate(lower(weight), ', kg', '.'), '')::numeric(8, 3)"
_KEYS = (("appointment_id", "appointments"), ("veterinarian_id", "veterinarians"))


def upgrade() -> None:
    _create_prescriptions()
    _move_medications_to_prescriptions()
    _make_weight_a_number()
    op.add_column("medical_records", sa.Column("temperature_c", sa.Numeric(4, 1), nullable=True))
    op.create_check_constraint(op.f("ck_medical_records_temperature_c"), "medical_records", "temperature_c BETWEEN 25 AND 50")
    op.add_column("medical_records", sa.Column("follow_up_on", sa.Date(), nullable=True))
    op.add_column("attachments", sa.Column("medical_record_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        "fk_attachments_medical_record_id_medical_records",
        "attachments",
        "medical_records",
        ["medical_record_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index("ix_attachments_medical_record_id", "attachments", ["medical_record_id"])
    _replace_keys(" ON DELETE SET NULL NOT VALID")


def downgrade() -> None:
    _replace_keys("")
    op.drop_column("attachments", "medical_record_id")
    op.drop_column("medical_records", "follow_up_on")
    op.drop_column("medical_records", "temperature_c")
    _make_weight_a_text()
    _move_prescriptions_to_medications()
    op.drop_table("prescriptions")


def _create_prescriptions() -> None:
    op.create_table(
        "prescriptions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("medical_record_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("medication", sa.Text(), nullable=False),
        sa.Column("dosage", sa.Text(), nullable=True),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_prescriptions"),
        sa.UniqueConstraint("medical_record_id", "position", name="uq_prescriptions_medical_record_id_position"),
        sa.CheckConstraint("position > 0", name=op.f("ck_prescriptions_position")),
        sa.CheckConstraint("btrim(medication) <> ''", name=op.f("ck_prescriptions_medication")),
        sa.ForeignKeyConstraint(
            ["medical_record_id"],
            ["medical_records.id"],
            name="fk_prescriptions_medical_record_id_medical_records",
            ondelete="CASCADE",
        ),
    )


def _move_medications_to_prescriptions() -> None:
    # A line that begins with its separator names no medication; it is kept whole.
    op.execute(r"""
        INSERT INTO prescriptions (medical_record_id, position, medication, dosage, instructions)
        SELECT record, row_number() OVER (PARTITION BY record ORDER BY place),
            CASE WHEN line ~ '^;' THEN line ELSE btrim(split_part(line, ';', 1)) END,
            CASE WHEN line !~ '^;' THEN nullif(btrim(split_part(line, ';', 2)), '') END,
            CASE WHEN line !~ '^;' THEN nullif(btrim(substring(line FROM '^[^;]*;[^;]*;(.*)$')), '') END
        FROM (
            SELECT medical_records.id AS record, place, btrim(line, E' \t') AS line
            FROM medical_records, regexp_split_to_table(medications, E'[\r\n]+') WITH ORDINALITY AS lines (line, place)
        ) AS lines
        WHERE line <> ''
        ORDER BY record, place""")
    op.drop_column("medical_records", "medications")


def _move_prescriptions_to_medications() -> None:
    op.add_column("medical_records", sa.Column("medications", sa.Text(), nullable=True))
    # One line a prescription: a separator inside a value would make other columns of it on the way up.
    op.execute(r"""
        UPDATE medical_records SET medications = lines.medications
        FROM (
            SELECT medical_record_id,
                string_agg(regexp_replace(
                    CASE WHEN medication ~ '^;' THEN medication ELSE replace(medication, ';', ',') END
                    || CASE WHEN coalesce(dosage, instructions) IS NULL THEN ''
                        ELSE '; ' || replace(coalesce(dosage, ''), ';', ',') END
                    || coalesce('; ' || instructions, ''), E'[\r\n]+', ' ', 'g'), E'\n' ORDER BY position) AS medications
            FROM prescriptions
            GROUP BY medical_record_id
        ) AS lines
        WHERE medical_records.id = lines.medical_record_id""")


def _make_weight_a_number() -> None:
    op.execute(f"""
        DO $$
        DECLARE
            unreadable text;
        BEGIN
            SELECT string_agg(id || ' (' || weight || ')', ', ' ORDER BY id) INTO unreadable
            FROM (
                SELECT id, weight FROM medical_records
                WHERE btrim(weight) <> '' AND CASE WHEN weight ~* '{_WEIGHT}' THEN {_WEIGHT_NUMBER} = 0 ELSE true END
                ORDER BY id LIMIT 10
            ) AS sample;
            IF unreadable IS NOT NULL THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'invalid_text_representation',
                    MESSAGE = 'medical records whose weight cannot be read: ' || unreadable,
                    HINT = 'write kilograms, such as 12.5 or 12,5 kg, then run the revision again';
            END IF;
        END $$""")
    op.execute(f"ALTER TABLE medical_records ALTER COLUMN weight TYPE numeric(8, 3) USING {_WEIGHT_NUMBER}")
    op.alter_column("medical_records", "weight", new_column_name="weight_kg")
    op.create_check_constraint(op.f("ck_medical_records_weight_kg"), "medical_records", "weight_kg > 0")


def _make_weight_a_text() -> None:
    op.drop_constraint(op.f("ck_medical_records_weight_kg"), "medical_records", type_="check")
    op.alter_column("medical_records", "weight_kg", new_column_name="weight")
    op.execute("ALTER TABLE medical_records ALTER COLUMN weight TYPE varchar(20) USING rtrim(rtrim(weight::text, '0'), '.')")


def _replace_keys(policy: str) -> None:
    # NOT VALID: no scan under the lock; ConsolidateSchema validates, in a transaction of its own.
    for column, target in _KEYS:
        name = f"fk_medical_records_{column}_{target}"
        op.execute(f"""
            ALTER TABLE medical_records
                DROP CONSTRAINT {name},
                ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {target} (id){policy}""")
