"""FixDatabaseColumns

Columns of the first release get the types that they should have had: local timestamps (in UTC) become timestamptz, flags
are never unknown, money is exact, the age of a pet gives way to its birth date, the next date of a vaccination is computed
from the days that it is valid, and a notification says when it was read. Profiles, pets and the rest go with their owner.

Revision ID: 1750038234648
Revises: 1750036733746
Create Date: 2025-06-16 01:43:54.648000+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1750038234648"
down_revision = "1750036733746"
branch_labels = None
depends_on = None

_TIMESTAMPED = (
    "users",
    "clients",
    "veterinarians",
    "pets",
    "appointments",
    "medical_records",
    "vaccinations",
    "notifications",
)
_FLAGS = (("users", "is_active"), ("veterinarians", "is_available"))
_KEYS = (
    ("clients", "user_id", "users", "CASCADE"),
    ("veterinarians", "user_id", "users", "CASCADE"),
    ("pets", "client_id", "clients", "CASCADE"),
    ("vaccinations", "pet_id", "pets", "CASCADE"),
    ("vaccinations", "veterinarian_id", "veterinarians", "SET NULL"),
    ("notifications", "user_id", "users", "CASCADE"),
)


def upgrade() -> None:
    for table, column in _FLAGS:
        op.execute(f"UPDATE {table} SET {column} = true WHERE {column} IS NULL")
        op.alter_column(table, column, nullable=False)
    _replace_age_by_birth_date()
    _replace_next_date_by_days_of_validity()
    _replace_read_by_when()
    _retype_fee("numeric(10, 2)")
    for table in _TIMESTAMPED:
        _retype_timestamps(table, "timestamptz")
    for table, column, target, action in _KEYS:
        # NOT VALID: no scan under the lock; ConsolidateSchema validates, in a transaction of its own.
        _replace_key(table, column, target, policy=f" ON DELETE {action} NOT VALID")


def downgrade() -> None:
    for table, column, target, _ in _KEYS:
        _replace_key(table, column, target, policy="")
    for table in _TIMESTAMPED:
        _retype_timestamps(table, "timestamp")
    _retype_fee("double precision")
    _replace_when_by_read()
    _replace_days_of_validity_by_next_date()
    _replace_birth_date_by_age()
    for table, column in _FLAGS:
        op.alter_column(table, column, nullable=True)


def _retype_timestamps(table: str, kind: str) -> None:
    changes = ", ".join(
        f"ALTER COLUMN {column} TYPE {kind} USING {column} AT TIME ZONE 'UTC'" for column in ("created_at", "updated_at")
    )
    op.execute(f"ALTER TABLE {table} {changes}")


def _retype_fee(kind: str) -> None:
    op.drop_constraint(op.f("ck_veterinarians_consultation_fee"), "veterinarians", type_="check")
    op.execute(f"ALTER TABLE veterinarians ALTER COLUMN consultation_fee TYPE {kind}")
    op.create_check_constraint(op.f("ck_veterinarians_consultation_fee"), "veterinarians", "consultation_fee >= 0")


def _replace_key(table: str, column: str, target: str, *, policy: str) -> None:
    name = f"fk_{table}_{column}_{target}"
    op.execute(f"""
        ALTER TABLE {table}
            DROP CONSTRAINT {name},
            ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {target} (id){policy}""")


def _replace_age_by_birth_date() -> None:
    op.execute(
        "UPDATE pets SET birth_date = (created_at - make_interval(years => age))::date, birth_date_estimated = true "
        "WHERE age IS NOT NULL AND birth_date IS NULL"
    )
    op.drop_column("pets", "age")


def _replace_birth_date_by_age() -> None:
    op.add_column("pets", sa.Column("age", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE pets SET age = date_part('year', age(created_at::date, birth_date)) "
        "WHERE birth_date BETWEEN created_at::date - make_interval(years => 300) AND created_at::date"
    )
    op.create_check_constraint(op.f("ck_pets_age"), "pets", "age BETWEEN 0 AND 300")


def _replace_next_date_by_days_of_validity() -> None:
    op.drop_constraint(op.f("ck_vaccinations_next_due_on"), "vaccinations", type_="check")
    op.execute("ALTER TABLE vaccinations ALTER COLUMN next_due_on TYPE integer USING next_due_on - administered_on")
    op.alter_column("vaccinations", "next_due_on", new_column_name="valid_days")
    op.create_check_constraint(op.f("ck_vaccinations_valid_days"), "vaccinations", "valid_days > 0")
    expires_on = sa.Column("expires_on", sa.Date(), sa.Computed("administered_on + valid_days", persisted=True), nullable=True)
    op.add_column("vaccinations", expires_on)


def _replace_days_of_validity_by_next_date() -> None:
    op.drop_column("vaccinations", "expires_on")
    op.drop_constraint(op.f("ck_vaccinations_valid_days"), "vaccinations", type_="check")
    op.alter_column("vaccinations", "valid_days", new_column_name="next_due_on")
    op.execute("ALTER TABLE vaccinations ALTER COLUMN next_due_on TYPE date USING administered_on + next_due_on")
    op.create_check_constraint(op.f("ck_vaccinations_next_due_on"), "vaccinations", "next_due_on > administered_on")


def _replace_read_by_when() -> None:
    op.alter_column("notifications", "message", new_column_name="body")
    op.alter_column("notifications", "read", server_default=None)
    # The first release did not write down when: the last change is the closest that is known.
    op.execute("""
        ALTER TABLE notifications
            ALTER COLUMN "read" TYPE timestamptz USING CASE WHEN "read" THEN updated_at AT TIME ZONE 'UTC' END""")
    op.alter_column("notifications", "read", new_column_name="read_at")


def _replace_when_by_read() -> None:
    op.alter_column("notifications", "read_at", new_column_name="read")
    op.execute("""
        ALTER TABLE notifications ALTER COLUMN "read" TYPE boolean USING "read" IS NOT NULL""")
    op.alter_column("notifications", "read", server_default=sa.text("false"))
    op.alter_column("notifications", "body", new_column_name="message")
