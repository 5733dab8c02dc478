"""InitialDatabaseSchema

The clinic's first eight tables, as a first release makes them: texts for dates, numbers for telephones,
local timestamps, foreign keys without a policy. The revisions after this one put that right.

Revision ID: 1749000000000
Revises:
Create Date: 2025-06-04 01:20:00+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1749000000000"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = ("notifications", "vaccinations", "medical_records", "appointments", "pets", "veterinarians", "clients", "users")


def upgrade() -> None:
    _create_users()
    _create_clients()
    _create_veterinarians()
    _create_pets()
    _create_appointments()
    _create_medical_records()
    _create_vaccinations()
    _create_notifications()


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def _timestamps() -> tuple[sa.Column[sa.DateTime], ...]:
    return tuple(
        sa.Column(name, sa.DateTime(), server_default=sa.text("now()"), nullable=False) for name in ("created_at", "updated_at")
    )


def _foreign_key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _create_users() -> None:
    op.create_table(
        "users",
        _id(),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("first_name", sa.String(100), nullable=False),
        sa.Column("last_name", sa.String(100), nullable=False),
        sa.Column("phone_number", sa.BigInteger(), nullable=True),
        sa.Column("role", sa.String(20), server_default="client", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=True),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.CheckConstraint("email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name=op.f("ck_users_email")),
        sa.CheckConstraint("phone_number BETWEEN 1 AND 999999999999999", name=op.f("ck_users_phone_number")),
        sa.CheckConstraint("role IN ('admin', 'client', 'veterinarian')", name=op.f("ck_users_role")),
    )


def _create_clients() -> None:
    op.create_table(
        "clients",
        _id(),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("city", sa.String(100), nullable=True),
        sa.Column("postal_code", sa.String(12), nullable=True),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_clients"),
        sa.UniqueConstraint("user_id", name="uq_clients_user_id"),
        _foreign_key("clients", "user_id", "users"),
    )


def _create_veterinarians() -> None:
    op.create_table(
        "veterinarians",
        _id(),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("license_number", sa.String(50), nullable=False),
        sa.Column("specialty", sa.String(80), nullable=True),
        sa.Column("consultation_fee", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_available", sa.Boolean(), server_default=sa.text("true"), nullable=True),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_veterinarians"),
        sa.UniqueConstraint("user_id", name="uq_veterinarians_user_id"),
        sa.UniqueConstraint("license_number", name="uq_veterinarians_license_number"),
        sa.CheckConstraint("consultation_fee >= 0", name=op.f("ck_veterinarians_consultation_fee")),
        _foreign_key("veterinarians", "user_id", "users"),
    )


def _create_pets() -> None:
    op.create_table(
        "pets",
        _id(),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("species", sa.String(30), nullable=False),
        sa.Column("age", sa.Integer(), nullable=True),
        sa.Column("photo_url", sa.Text(), nullable=True),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_pets"),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_pets_name")),
        sa.CheckConstraint("age BETWEEN 0 AND 300", name=op.f("ck_pets_age")),
        _foreign_key("pets", "client_id", "clients"),
    )


def _create_appointments() -> None:
    op.create_table(
        "appointments",
        _id(),
        sa.Column("pet_id", sa.BigInteger(), nullable=False),
        sa.Column("vet_id", sa.BigInteger(), nullable=True),
        sa.Column("date", sa.Text(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("reason", sa.String(200), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_appointments"),
        sa.UniqueConstraint("pet_id", "date", "time", name="uq_appointments_pet_id_date_time"),
        _foreign_key("appointments", "pet_id", "pets"),
    )


def _create_medical_records() -> None:
    op.create_table(
        "medical_records",
        _id(),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("pet_name", sa.String(100), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=True),
        sa.Column("veterinarian_id", sa.BigInteger(), nullable=True),
        sa.Column("symptoms", sa.Text(), nullable=True),
        sa.Column("diagnosis", sa.Text(), nullable=False),
        sa.Column("treatment", sa.Text(), nullable=True),
        sa.Column("medications", sa.Text(), nullable=True),
        sa.Column("weight", sa.String(20), nullable=True),
        sa.Column("ai_diagnosis", sa.Text(), nullable=True),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_medical_records"),
        sa.UniqueConstraint("appointment_id", name="uq_medical_records_appointment_id"),
        sa.CheckConstraint("btrim(pet_name) <> ''", name=op.f("ck_medical_records_pet_name")),
        _foreign_key("medical_records", "client_id", "clients"),
        _foreign_key("medical_records", "appointment_id", "appointments"),
        _foreign_key("medical_records", "veterinarian_id", "veterinarians"),
    )


def _create_vaccinations() -> None:
    op.create_table(
        "vaccinations",
        _id(),
        sa.Column("pet_id", sa.BigInteger(), nullable=False),
        sa.Column("veterinarian_id", sa.BigInteger(), nullable=True),
        sa.Column("vaccine", sa.String(120), nullable=False),
        sa.Column("batch_number", sa.String(60), nullable=True),
        sa.Column("administered_on", sa.Date(), nullable=False),
        sa.Column("next_due_on", sa.Date(), nullable=True),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_vaccinations"),
        sa.UniqueConstraint("pet_id", "vaccine", "administered_on", name="uq_vaccinations_pet_id_vaccine_administered_on"),
        sa.CheckConstraint("next_due_on > administered_on", name=op.f("ck_vaccinations_next_due_on")),
        _foreign_key("vaccinations", "pet_id", "pets"),
        _foreign_key("vaccinations", "veterinarian_id", "veterinarians"),
    )


def _create_notifications() -> None:
    op.create_table(
        "notifications",
        _id(),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("read", sa.Boolean(), server_default=sa.text("false"), nullable=True),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        _foreign_key("notifications", "user_id", "users"),
    )
