"""UpdateAppointmentsTable

The free text in appointments.status becomes the enum appointment_state in appointments.state. Spellings in use (done,
canceled, No-Show ...) are mapped; a word that means none of the states stops the revision and is named. The calendar of a
state gets its index, and a pet's appointments go with the pet.

Revision ID: 1750032503315
Revises: 1749000005000
Create Date: 2025-06-16 00:08:23.315000+00:00
"""

from __future__ import annotations

from alembic import op

revision = "1750032503315"
down_revision = "1749000005000"
branch_labels = None
depends_on = None

_STATE = """
    CASE translate(lower(btrim(status)), ' -', '__')
        WHEN 'pending' THEN 'pending' WHEN 'requested' THEN 'pending'
        WHEN 'confirmed' THEN 'confirmed' WHEN 'scheduled' THEN 'confirmed'
        WHEN 'in_progress' THEN 'in_progress'
        WHEN 'completed' THEN 'completed' WHEN 'done' THEN 'completed'
        WHEN 'cancelled' THEN 'cancelled' WHEN 'canceled' THEN 'cancelled'
        WHEN 'no_show' THEN 'no_show' WHEN 'noshow' THEN 'no_show'
    END"""


def upgrade() -> None:
    op.execute(f"""
        DO $$
        DECLARE
            unknown text;
        BEGIN
            SELECT string_agg(id || ' (' || status || ')', ', ' ORDER BY id) INTO unknown
            FROM (SELECT id, status FROM appointments WHERE {_STATE} IS NULL ORDER BY id LIMIT 10) AS sample;
            IF unknown IS NOT NULL THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'invalid_text_representation',
                    MESSAGE = 'appointments whose status is none of the known: ' || unknown,
                    HINT = 'write pending, confirmed, in_progress, completed, cancelled or no_show, then run the revision again';
            END IF;
        END $$""")
    op.execute(
        "CREATE TYPE appointment_state AS ENUM ('pending', 'confirmed', 'in_progress', 'completed', 'cancelled', 'no_show')"
    )
    op.alter_column("appointments", "status", server_default=None)
    op.execute(f"ALTER TABLE appointments ALTER COLUMN status TYPE appointment_state USING ({_STATE})::appointment_state")
    op.alter_column("appointments", "status", new_column_name="state", server_default="pending")
    op.create_index("ix_appointments_state_scheduled_at", "appointments", ["state", "scheduled_at"])
    _replace_pet_key(" ON DELETE CASCADE NOT VALID")


def downgrade() -> None:
    _replace_pet_key("")
    op.drop_index("ix_appointments_state_scheduled_at", "appointments")
    op.alter_column("appointments", "state", new_column_name="status", server_default=None)
    op.execute("ALTER TABLE appointments ALTER COLUMN status TYPE text USING status::text")
    op.alter_column("appointments", "status", server_default="pending")
    op.execute("DROP TYPE appointment_state")


def _replace_pet_key(policy: str) -> None:
    # NOT VALID: no scan under the lock; ConsolidateSchema validates, in a transaction of its own.
    op.execute(f"""
        ALTER TABLE appointments
            DROP CONSTRAINT fk_appointments_pet_id_pets,
            ADD CONSTRAINT fk_appointments_pet_id_pets FOREIGN KEY (pet_id) REFERENCES pets (id){policy}""")
