"""ConsolidateSchema on databases where parts of its work exist already, right, wrong or half done."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa

from seachange.postgres.connection import Database, connect
from tests.integration.app._history import REVISIONS, downgrade, facts, rows, run, upgrade

_BEFORE, _LAST = REVISIONS[-2:]

_ROWS = """
    INSERT INTO users (id, email, password_hash, first_name, last_name) VALUES (1, 'ana@vetai.example', '!', 'Ana', 'Ruiz');
    INSERT INTO clients (id, user_id) VALUES (1, 1);
    INSERT INTO pets (client_id, name, species) VALUES (1, 'Luna', 'cat');
    INSERT INTO appointments (id, pet_id, scheduled_at, state) VALUES (1, 1, '2025-01-01', 'cancelled');
    INSERT INTO notifications (id, user_id, title) VALUES (1, 1, 'Welcome')
"""


@pytest.fixture
def unconsolidated(database: Database) -> Database:
    """A database just before the last revision, with a few rows."""
    upgrade(database, _BEFORE)
    run(database, _ROWS)
    return database


def _again(database: Database) -> None:
    run(database, f"UPDATE alembic_version SET version_num = '{_BEFORE}'")
    upgrade(database)


def test_running_it_again_changes_nothing(each_database: Database) -> None:
    upgrade(each_database)
    once = facts(each_database, not_null_names=True)
    stamps = "SELECT relname, xmin::text, relfilenode FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'i'"
    indexes = sorted(rows(each_database, stamps))
    _again(each_database)

    assert facts(each_database, not_null_names=True) == once
    assert sorted(rows(each_database, stamps)) == indexes


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param("ALTER TABLE users ADD last_login_at timestamptz", id="a column as it shall be"),
        pytest.param("ALTER TABLE users ADD last_login_at timestamp NOT NULL DEFAULT now()", id="a local timestamp"),
        pytest.param("ALTER TABLE clients ADD preferred_veterinarian_id integer DEFAULT NULL", id="an integer key"),
        pytest.param("ALTER TABLE notifications ADD kind text DEFAULT 'x'; UPDATE notifications SET kind = NULL", id="a text"),
        pytest.param("ALTER TABLE notifications ADD kind varchar(20) NOT NULL DEFAULT 'general'", id="a column with its default"),
        pytest.param(
            """
            ALTER TABLE clients ADD preferred_veterinarian_id bigint REFERENCES veterinarians;
            CREATE INDEX ix_clients_preferred_veterinarian_id ON clients (preferred_veterinarian_id)""",
            id="a key by another name without a policy",
        ),
        pytest.param(
            "ALTER TABLE attachments ADD uploaded_by_id bigint CONSTRAINT by_hand REFERENCES users (id) ON DELETE SET NULL",
            id="the right key by another name",
        ),
        pytest.param(
            """
            ALTER TABLE attachments ADD uploaded_by_id bigint;
            ALTER TABLE attachments ADD CONSTRAINT fk_attachments_uploaded_by_id_users
                FOREIGN KEY (uploaded_by_id) REFERENCES clients (id) NOT VALID;
            ALTER TABLE attachments ADD CONSTRAINT one FOREIGN KEY (uploaded_by_id) REFERENCES users (id) ON DELETE SET NULL;
            ALTER TABLE attachments ADD CONSTRAINT two FOREIGN KEY (uploaded_by_id) REFERENCES users (id) ON DELETE SET NULL""",
            id="three keys on one column, the wrong one with the right name",
        ),
        pytest.param("ALTER TABLE pets DROP CONSTRAINT fk_pets_client_id_clients", id="a key that somebody dropped"),
        pytest.param("CREATE INDEX ix_pets_client_id ON pets (client_id)", id="an index"),
        pytest.param("CREATE INDEX ix_pets_client_id ON pets (client_id, name)", id="an index on more columns"),
        pytest.param("CREATE INDEX ix_pets_client_id ON pets (client_id) WHERE client_id > 5", id="a partial index"),
        pytest.param("CREATE UNIQUE INDEX ix_pets_client_id ON pets (client_id)", id="a unique index"),
        pytest.param("CREATE INDEX ix_ai_diagnoses_result ON ai_diagnoses USING gin (result)", id="another operator class"),
        pytest.param(
            "ALTER TABLE pets ADD deceased_on date, ADD CONSTRAINT ck_pets_lifetime CHECK (true)",
            id="a check that checks nothing",
        ),
        pytest.param(
            """
            ALTER TABLE notifications ADD appointment_id bigint, ADD kind varchar(20);
            CREATE UNIQUE INDEX uq_notifications_user_id_appointment_id_kind ON notifications (user_id, appointment_id, kind)""",
            id="a unique index that is no constraint",
        ),
        pytest.param(
            """
            ALTER TABLE notifications ADD appointment_id bigint, ADD kind varchar(20);
            ALTER TABLE notifications ADD UNIQUE (user_id, appointment_id, kind)""",
            id="a unique constraint by another name",
        ),
        pytest.param("COMMENT ON COLUMN users.phone IS 'number'", id="another comment"),
    ],
)
def test_what_exists_already_is_adopted_or_put_right(unconsolidated: Database, clinic: Database, parts: str) -> None:
    run(unconsolidated, parts)
    upgrade(unconsolidated)

    assert facts(unconsolidated, not_null_names=True) == facts(clinic, not_null_names=True)
    assert rows(unconsolidated, "SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == [(0,)]


def test_values_in_columns_of_other_types_are_kept(unconsolidated: Database) -> None:
    run(
        unconsolidated,
        "INSERT INTO users (id, email, password_hash, first_name, last_name) VALUES (2, 'leo@vetai.example', '!', '', '')",
        "INSERT INTO veterinarians (id, user_id, license_number) VALUES (7, 2, 'COL-1')",
        "ALTER TABLE users ADD COLUMN last_login_at timestamp",
        "UPDATE users SET last_login_at = '2025-03-30 02:30'",
        "ALTER TABLE clients ADD COLUMN preferred_veterinarian_id text",
        "UPDATE clients SET preferred_veterinarian_id = '7'",
        "ALTER TABLE pets ADD COLUMN deceased_on text",
        "UPDATE pets SET deceased_on = '2025-02-01'",
        "ALTER TABLE notifications ADD COLUMN kind text",
        "UPDATE notifications SET kind = 'reminder'",
    )
    upgrade(unconsolidated.with_parameters(options="-c TimeZone=Europe/Madrid"))

    assert rows(
        unconsolidated,
        "SELECT DISTINCT last_login_at = '2025-03-30 02:30+00', preferred_veterinarian_id, deceased_on::text, kind "
        "FROM users, clients, pets, notifications",
    ) == [(True, 7, "2025-02-01", "reminder")]


def test_a_text_that_does_not_fit_is_refused_rather_than_cut(unconsolidated: Database) -> None:
    run(
        unconsolidated,
        "ALTER TABLE notifications ADD COLUMN kind text",
        "UPDATE notifications SET kind = 'general information for all'",
    )

    with pytest.raises(sa.exc.DataError, match=r"value too long for type character varying\(20\)"):
        upgrade(unconsolidated)

    assert rows(unconsolidated, "SELECT kind FROM notifications") == [("general information for all",)]


def test_an_invalid_index_is_built_again(unconsolidated: Database, clinic: Database) -> None:
    with connect(unconsolidated) as writer, connect(unconsolidated, autocommit=True, statement_timeout_ms=300) as builder:
        writer.execute("UPDATE pets SET name = 'Rex'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            builder.execute("CREATE INDEX CONCURRENTLY ix_pets_client_id ON pets (client_id)")

        left = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_pets_client_id'::regclass"
        assert builder.execute(left).fetchone() == (False,)
    upgrade(unconsolidated)

    assert facts(unconsolidated, not_null_names=True) == facts(clinic, not_null_names=True)


def test_the_way_down_does_not_mind_what_is_gone_already(clinic: Database) -> None:
    run(
        clinic,
        "ALTER TABLE users DROP COLUMN last_login_at",
        "ALTER TABLE notifications DROP COLUMN kind",
        "DROP INDEX ix_pets_client_id",
        "ALTER TABLE pets DROP CONSTRAINT ck_pets_lifetime",
    )
    downgrade(clinic, _BEFORE)
    upgrade(clinic)

    assert rows(clinic, "SELECT version_num FROM alembic_version") == [(_LAST,)]


def test_other_tables_in_the_schema_are_left_alone(unconsolidated: Database) -> None:
    run(unconsolidated, "CREATE TABLE invoices (id bigint NOT NULL, pet_id integer)", "ALTER TABLE invoices RENAME id TO number")
    untouched = [fact for fact in facts(unconsolidated, not_null_names=True) if "invoices" in fact]
    upgrade(unconsolidated)

    assert [fact for fact in facts(unconsolidated, not_null_names=True) if "invoices" in fact] == untouched
