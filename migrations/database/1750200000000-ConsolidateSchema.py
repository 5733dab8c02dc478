"""ConsolidateSchema

Brings every database to one shape, also one where parts of it were made by hand: each part is looked up in the catalogue
and added, renamed, retyped or left alone. The last columns join, every foreign key gets its index, its policy and its
proof. Running it again changes nothing.

Revision ID: 1750200000000
Revises: 1750120000000
Create Date: 2025-06-17 22:40:00+00:00
"""

from __future__ import annotations

from alembic import op

revision = "1750200000000"
down_revision = "1750120000000"
branch_labels = None
depends_on = None

# table, column, type, default for rows that have none ("" leaves the column nullable)
_COLUMNS = (
    ("users", "last_login_at", "timestamp with time zone", ""),
    ("clients", "preferred_veterinarian_id", "bigint", ""),
    ("pets", "deceased_on", "date", ""),
    ("appointments", "cancellation_reason", "text", ""),
    ("attachments", "uploaded_by_id", "bigint", ""),
    ("notifications", "appointment_id", "bigint", ""),
    ("notifications", "kind", "character varying(20)", "general"),
)
# table, column, target, action; one index of each begins with the column
_FOREIGN_KEYS = (
    ("clients", "user_id", "users", "CASCADE"),
    ("clients", "preferred_veterinarian_id", "veterinarians", "SET NULL"),
    ("veterinarians", "user_id", "users", "CASCADE"),
    ("pets", "client_id", "clients", "CASCADE"),
    ("appointments", "pet_id", "pets", "CASCADE"),
    ("appointments", "veterinarian_id", "veterinarians", "SET NULL"),
    ("ai_diagnoses", "pet_id", "pets", "CASCADE"),
    ("ai_diagnoses", "medical_record_id", "medical_records", "SET NULL"),
    ("ai_diagnoses", "reviewed_by_id", "veterinarians", "SET NULL"),
    ("medical_records", "pet_id", "pets", "CASCADE"),
    ("medical_records", "appointment_id", "appointments", "SET NULL"),
    ("medical_records", "veterinarian_id", "veterinarians", "SET NULL"),
    ("prescriptions", "medical_record_id", "medical_records", "CASCADE"),
    ("vaccinations", "pet_id", "pets", "CASCADE"),
    ("vaccinations", "veterinarian_id", "veterinarians", "SET NULL"),
    ("attachments", "pet_id", "pets", "CASCADE"),
    ("attachments", "medical_record_id", "medical_records", "SET NULL"),
    ("attachments", "uploaded_by_id", "users", "SET NULL"),
    ("notifications", "user_id", "users", "CASCADE"),
    ("notifications", "appointment_id", "appointments", "SET NULL"),
)
_CHECKS = (
    ("pets", "lifetime", "deceased_on >= birth_date"),
    ("appointments", "cancellation_reason", "cancellation_reason IS NULL OR state = 'cancelled'"),
    ("notifications", "kind", "kind IN ('cancellation', 'confirmation', 'general', 'reminder', 'result')"),
)
# table, name after ix_, what pg_get_indexdef prints after USING; only these are of this revision and go with it
_INDEXES = (
    ("clients", "preferred_veterinarian_id", "btree (preferred_veterinarian_id)"),
    ("pets", "client_id", "btree (client_id)"),
    ("ai_diagnoses", "result", "gin (result jsonb_path_ops)"),
    ("medical_records", "veterinarian_id", "btree (veterinarian_id)"),
    ("vaccinations", "veterinarian_id", "btree (veterinarian_id)"),
    ("vaccinations", "expires_on", "btree (expires_on)"),
    ("attachments", "uploaded_by_id", "btree (uploaded_by_id)"),
    ("notifications", "appointment_id", "btree (appointment_id)"),
)
_COMMENTS = (
    ("users.phone", "E.164: + and at most 15 digits"),
    ("veterinarians.consultation_fee", "euros"),
    ("pets.birth_date_estimated", "the birth date was worked out from an age in years"),
    ("pets.microchip", "ISO 11784: 15 digits"),
    ("ai_diagnoses.result", "the model's answer: summary, findings with scores"),
    ("prescriptions.position", "line on the prescription, from 1"),
    ("attachments.storage_key", "key in the object store, or an address"),
)


def upgrade() -> None:
    for table, column, kind, default in _COLUMNS:
        _ensure_column(table, column, kind=kind, default=default)
    for table, name, condition in _CHECKS:
        _replace_check(table, name, condition)
    _ensure_unique("notifications", ("user_id", "appointment_id", "kind"))
    for table, name, definition in _INDEXES:
        _ensure_index(table, name, definition)
    for table, column, target, action in _FOREIGN_KEYS:
        _ensure_foreign_key(table, column, target=target, action=action)
    for column, comment in _COMMENTS:
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment.replace(chr(39), chr(39) * 2)}'")
    _name_not_null_constraints_after_their_columns()


def downgrade() -> None:
    """Take the parts away again; proven foreign keys stay proven, and the reason of a cancellation goes to the notes."""
    for column, _ in _COMMENTS:
        op.execute(f"COMMENT ON COLUMN {column} IS NULL")
    for table, name, _ in _INDEXES:
        op.drop_index(f"ix_{table}_{name}", table, if_exists=True)
    op.execute(r"""
        UPDATE appointments SET notes = concat_ws(E'\n', notes, 'Cancelled: ' || cancellation_reason)
        WHERE cancellation_reason <> ''""")
    for table, name, _ in _CHECKS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS ck_{table}_{name}")
    for table, column, _, _ in reversed(_COLUMNS):
        op.drop_column(table, column, if_exists=True)


def _ensure_column(table: str, column: str, *, kind: str, default: str) -> None:
    # Not through varchar(20) itself: an explicit cast cuts a longer text off in silence, the assignment refuses it.
    source = f"{column}::text" if kind.startswith("character") else f"{column}::{kind}"
    op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {kind}")
    op.execute(f"""
        DO $$
        DECLARE
            present text;
        BEGIN
            SELECT format_type(atttypid, atttypmod) INTO present FROM pg_attribute
            WHERE attrelid = '{table}'::regclass AND attname = '{column}';
            IF present = 'timestamp without time zone' THEN
                ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT,
                    ALTER COLUMN {column} TYPE {kind} USING {column} AT TIME ZONE 'UTC';
            ELSIF present <> '{kind}' THEN
                ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT, ALTER COLUMN {column} TYPE {kind} USING {source};
            END IF;
        END $$""")
    if default:
        op.execute(f"UPDATE {table} SET {column} = '{default}' WHERE {column} IS NULL")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT '{default}', ALTER COLUMN {column} SET NOT NULL")
    else:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT, ALTER COLUMN {column} DROP NOT NULL")


def _replace_check(table: str, name: str, condition: str) -> None:
    op.execute(f"""
        ALTER TABLE {table}
            DROP CONSTRAINT IF EXISTS ck_{table}_{name},
            ADD CONSTRAINT ck_{table}_{name} CHECK ({condition})""")


def _ensure_unique(table: str, columns: tuple[str, ...]) -> None:
    name = f"uq_{table}_{'_'.join(columns)}"
    definition = f"UNIQUE ({', '.join(columns)})"
    _adopt_constraint(table, name=name, definition=definition, rivals=f"pg_get_constraintdef(oid) = '{definition}'")
    op.execute(f"""
        DO $$
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = '{table}'::regclass AND conname = '{name}') THEN
                DROP INDEX IF EXISTS {name};
                ALTER TABLE {table} ADD CONSTRAINT {name} {definition};
            END IF;
        END $$""")


def _ensure_foreign_key(table: str, column: str, *, target: str, action: str) -> None:
    name = f"fk_{table}_{column}_{target}"
    definition = f"FOREIGN KEY ({column}) REFERENCES {target}(id) ON DELETE {action}"
    position = f"SELECT attnum FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attname = '{column}'"
    _adopt_constraint(table, name=name, definition=definition, rivals=f"contype = 'f' AND conkey = ARRAY[({position})]")
    op.execute(f"""
        DO $$
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = '{table}'::regclass AND conname = '{name}') THEN
                ALTER TABLE {table} ADD CONSTRAINT {name} {definition};
            END IF;
        END $$""")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def _adopt_constraint(table: str, *, name: str, definition: str, rivals: str) -> None:
    """Keep one constraint that says the same, under its name; drop the rivals and a namesake that says something else."""
    op.execute(f"""
        DO $$
        DECLARE
            present record;
            adopted boolean := false;
        BEGIN
            FOR present IN
                SELECT conname, replace(pg_get_constraintdef(oid), ' NOT VALID', '') = '{definition}' AS same FROM pg_constraint
                WHERE conrelid = '{table}'::regclass AND (conname = '{name}' OR ({rivals}))
                ORDER BY conname <> '{name}', conname
            LOOP
                IF present.same AND NOT adopted THEN
                    adopted := true;
                    IF present.conname <> '{name}' THEN
                        EXECUTE 'ALTER TABLE {table} RENAME CONSTRAINT ' || quote_ident(present.conname) || ' TO {name}';
                    END IF;
                ELSE
                    EXECUTE 'ALTER TABLE {table} DROP CONSTRAINT ' || quote_ident(present.conname);
                END IF;
            END LOOP;
        END $$""")


def _ensure_index(table: str, name: str, definition: str) -> None:
    index = f"ix_{table}_{name}"
    # IF NOT EXISTS alone would keep an INVALID index, or another one that happens to have the name.
    op.execute(f"""
        DO $$
        BEGIN
            IF EXISTS (
                SELECT FROM pg_index
                WHERE indexrelid = to_regclass('{index}') AND NOT (
                    indisvalid AND indrelid = '{table}'::regclass AND NOT indisunique
                    AND right(pg_get_indexdef(indexrelid), length(' USING {definition}')) = ' USING {definition}'
                )
            ) THEN
                DROP INDEX {index};
            END IF;
        END $$""")
    op.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {table} USING {definition}")


def _name_not_null_constraints_after_their_columns() -> None:
    """Since PostgreSQL 18 NOT NULL is a constraint with a name, which a renamed column does not take along."""
    tables = ", ".join(f"'{table}'::regclass" for table in sorted({table for table, *_ in _FOREIGN_KEYS} | {"users"}))
    op.execute(f"""
        DO $$
        DECLARE
            present record;
        BEGIN
            FOR present IN
                SELECT conrelid::regclass AS relation, conname, relname || '_' || attname || '_not_null' AS wanted
                FROM pg_constraint
                JOIN pg_class ON pg_class.oid = conrelid
                JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
                WHERE contype = 'n' AND conrelid IN ({tables}) AND conname <> relname || '_' || attname || '_not_null'
            LOOP
                EXECUTE 'ALTER TABLE ' || present.relation || ' RENAME CONSTRAINT ' || quote_ident(present.conname)
                    || ' TO ' || quote_ident(present.wanted);
            END LOOP;
        END $$""")
