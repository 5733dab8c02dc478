"""FixAppointmentColumnsNew

The duration of an appointment becomes a whole number of minutes, and its veterinarian a foreign key, which the first
release forgot. A veterinarian who no longer exists is forgotten there too, as the key would have done.

Revision ID: 1750036733746
Revises: 1750033552868
Create Date: 2025-06-16 01:18:53.746000+00:00
"""

from __future__ import annotations

from alembic import op

revision = "1750036733746"
down_revision = "1750033552868"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_appointments_duration"), "appointments", type_="check")
    op.alter_column("appointments", "duration", server_default=None)
    op.execute("ALTER TABLE appointments ALTER COLUMN duration TYPE integer USING extract(epoch FROM duration) / 60")
    op.alter_column("appointments", "duration", new_column_name="duration_minutes", server_default="30")
    op.create_check_constraint(op.f("ck_appointments_duration_minutes"), "appointments", "duration_minutes BETWEEN 5 AND 480")
    op.execute("""
        UPDATE appointments SET veterinarian_id = NULL
        WHERE veterinarian_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM veterinarians WHERE veterinarians.id = appointments.veterinarian_id)""")
    # NOT VALID: no scan under the lock; ConsolidateSchema validates, in a transaction of its own.
    op.create_foreign_key(
        "fk_appointments_veterinarian_id_veterinarians",
        "appointments",
        "veterinarians",
        ["veterinarian_id"],
        ["id"],
        ondelete="SET NULL",
        postgresql_not_valid=True,
    )
    op.create_index("ix_appointments_veterinarian_id_scheduled_at", "appointments", ["veterinarian_id", "scheduled_at"])


def downgrade() -> None:
    op.drop_index("ix_appointments_veterinarian_id_scheduled_at", "appointments")
    op.drop_constraint("fk_appointments_veterinarian_id_veterinarians", "appointments", type_="foreignkey")
    op.drop_constraint(op.f("ck_appointments_duration_minutes"), "appointments", type_="check")
    op.alter_column("appointments", "duration_minutes", new_column_name="duration", server_default=None)
    op.execute("ALTER TABLE appointments ALTER COLUMN duration TYPE interval USING make_interval(mins => duration)")
    op.execute("ALTER TABLE appointments ALTER COLUMN duration SET DEFAULT '30 minutes'")
    op.create_check_constraint(
        op.f("ck_appointments_duration"),
        "appointments",
        "duration BETWEEN interval '5 minutes' AND interval '8 hours' AND date_trunc('minute', duration) = duration",
    )
