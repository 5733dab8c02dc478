"""FixAppointmentColumns

Date and time of an appointment were texts; they become a date and a time. Read are 2025-06-30 and 30/06/2025, 9:05, 09:05
and 09:05:30; anything else stops the revision before it changes a row, and names the rows. The way back writes ISO texts.

Revision ID: 1749000003000
Revises: 1749000002000
Create Date: 2025-06-04 01:20:03+00:00
"""

from __future__ import annotations

from alembic import op

revision = "1749000003000"
down_revision = "1749000002000"
branch_labels = None
depends_on = None

_ISO_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_LOCAL_DATE = "^[0-9]{2}/[0-9]{2}/[0-9]{4}$"
_TIME = "^[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$"


def upgrade() -> None:
    op.execute(f"""
        DO $$
        DECLARE
            unreadable text;
        BEGIN
            SELECT string_agg(id || ' (' || "date" || ', ' || "time" || ')', ', ' ORDER BY id) INTO unreadable
            FROM (
                SELECT id, "date", "time" FROM appointments
                WHERE ("date" !~ '{_ISO_DATE}' AND "date" !~ '{_LOCAL_DATE}') OR "time" !~ '{_TIME}'
                ORDER BY id LIMIT 10
            ) AS sample;
            IF unreadable IS NOT NULL THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'invalid_datetime_format',
                    MESSAGE = 'appointments whose date or time cannot be read: ' || unreadable,
                    HINT = 'write them as 2025-06-30 and 09:05, then run the revision again';
            END IF;
        END $$""")
    op.execute(f"""
        ALTER TABLE appointments
            ALTER COLUMN "date" TYPE date USING
                CASE WHEN "date" ~ '{_ISO_DATE}' THEN "date"::date ELSE to_date("date", 'DD/MM/YYYY') END,
            ALTER COLUMN "time" TYPE time USING "time"::time""")
    op.alter_column("appointments", "date", new_column_name="appointment_date")
    op.alter_column("appointments", "time", new_column_name="appointment_time")
    _rename_unique("uq_appointments_pet_id_date_time", "uq_appointments_pet_id_appointment_date_appointment_time")


def downgrade() -> None:
    _rename_unique("uq_appointments_pet_id_appointment_date_appointment_time", "uq_appointments_pet_id_date_time")
    op.alter_column("appointments", "appointment_time", new_column_name="time")
    op.alter_column("appointments", "appointment_date", new_column_name="date")
    op.execute("""
        ALTER TABLE appointments
            ALTER COLUMN "date" TYPE text USING to_char("date", 'YYYY-MM-DD'),
            ALTER COLUMN "time" TYPE text USING regexp_replace("time"::text, '^(.....).00$', '\\1')""")


def _rename_unique(old: str, new: str) -> None:
    op.execute(f"ALTER TABLE appointments RENAME CONSTRAINT {old} TO {new}")
