"""AlignAppointmentStructure

An appointment begins at one moment and takes some time: date and time become scheduled_at (both were in UTC), and a
duration joins it. vet_id is called veterinarian_id, as in the other tables.

Revision ID: 1749000004000
Revises: 1749000003000
Create Date: 2025-06-04 01:20:04+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "1749000004000"
down_revision = "1749000003000"
branch_labels = None
depends_on = None

_DURATION = "duration BETWEEN interval '5 minutes' AND interval '8 hours' AND date_trunc('minute', duration) = duration"


def upgrade() -> None:
    op.drop_constraint("uq_appointments_pet_id_appointment_date_appointment_time", "appointments", type_="unique")
    # One rewrite instead of a new column, an UPDATE of every row and its dead copy.
    op.execute("""
        ALTER TABLE appointments
            ALTER COLUMN appointment_date TYPE timestamptz
            USING (appointment_date + appointment_time) AT TIME ZONE 'UTC'""")
    op.alter_column("appointments", "appointment_date", new_column_name="scheduled_at")
    op.drop_column("appointments", "appointment_time")
    op.create_unique_constraint("uq_appointments_pet_id_scheduled_at", "appointments", ["pet_id", "scheduled_at"])
    duration = sa.Column("duration", postgresql.INTERVAL(), server_default=sa.text("'30 minutes'"), nullable=False)
    op.add_column("appointments", duration)
    op.create_check_constraint(op.f("ck_appointments_duration"), "appointments", _DURATION)
    op.alter_column("appointments", "vet_id", new_column_name="veterinarian_id")


def downgrade() -> None:
    op.alter_column("appointments", "veterinarian_id", new_column_name="vet_id")
    op.drop_column("appointments", "duration")
    op.drop_constraint("uq_appointments_pet_id_scheduled_at", "appointments", type_="unique")
    op.add_column("appointments", sa.Column("appointment_time", sa.Time(), nullable=True))
    op.alter_column("appointments", "scheduled_at", new_column_name="appointment_date")
    op.execute("""
        ALTER TABLE appointments
            ALTER COLUMN appointment_time TYPE time USING (appointment_date AT TIME ZONE 'UTC')::time,
            ALTER COLUMN appointment_time SET NOT NULL,
            ALTER COLUMN appointment_date TYPE date USING (appointment_date AT TIME ZONE 'UTC')::date""")
    op.create_unique_constraint(
        "uq_appointments_pet_id_appointment_date_appointment_time",
        "appointments",
        ["pet_id", "appointment_date", "appointment_time"],
    )
