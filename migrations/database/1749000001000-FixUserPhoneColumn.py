"""FixUserPhoneColumn

A telephone number is a text: users.phone_number (34600123456) becomes users.phone (+34600123456), in E.164.
Both forms hold the same numbers, so that the way back loses nothing.

Revision ID: 1749000001000
Revises: 1749000000000
Create Date: 2025-06-04 01:20:01+00:00
"""

from __future__ import annotations

from alembic import op

revision = "1749000001000"
down_revision = "1749000000000"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_users_phone_number"), "users", type_="check")
    op.alter_column("users", "phone_number", new_column_name="phone")
    op.execute("ALTER TABLE users ALTER COLUMN phone TYPE varchar(16) USING '+' || phone")
    op.create_check_constraint(op.f("ck_users_phone"), "users", "phone ~ '^[+][1-9][0-9]{0,14}$'")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_users_phone"), "users", type_="check")
    op.execute("ALTER TABLE users ALTER COLUMN phone TYPE bigint USING substr(phone, 2)::bigint")
    op.alter_column("users", "phone", new_column_name="phone_number")
    op.create_check_constraint(op.f("ck_users_phone_number"), "users", "phone_number BETWEEN 1 AND 999999999999999")
