"""The thirteen revisions: up and down again without a trace, and what they do to the rows that they meet."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command

from seachange.postgres.connection import Database, connect
from tests.integration.app._history import PEOPLE, REVISIONS, before, configured, downgrade, facts, rows, run, upgrade
from tests.project import REPOSITORY, Project, clean_environment


def test_every_revision_goes_down_to_the_schema_that_it_came_from(each_database: Database) -> None:
    on_the_way_up = [facts(each_database)]
    for revision in REVISIONS:
        upgrade(each_database, revision)
        on_the_way_up.append(facts(each_database))
    on_the_way_down = [facts(each_database)]
    for revision in (*reversed(REVISIONS[:-1]), "base"):
        downgrade(each_database, revision)
        on_the_way_down.append(facts(each_database))

    assert on_the_way_down == on_the_way_up[::-1]
    assert on_the_way_up[0] == []

    upgrade(each_database)

    assert facts(each_database) == on_the_way_up[-1]


def test_the_history_as_sql_makes_the_same_schema(database: Database, clinic: Database) -> None:
    with configured(database) as (config, printed):
        config.output_buffer = printed
        command.upgrade(config, "head", sql=True)
        script = printed.getvalue()
    with connect(database, autocommit=True) as connection:
        connection.execute(script)

    assert facts(database, not_null_names=True) == facts(clinic, not_null_names=True)


@pytest.mark.parametrize(
    ("revision", "statement", "message"),
    [
        pytest.param(
            "1749000003000",
            "INSERT INTO appointments (id, pet_id, date, time) VALUES (4, 1, 'tomorrow', '09:00'), (5, 1, '2025-01-01', 'noon')",
            r"appointments whose date or time cannot be read: 4 \(tomorrow, 09:00\), 5 \(2025-01-01, noon\)",
            id="text that is no date",
        ),
        pytest.param(
            "1749000003000",
            "INSERT INTO appointments (id, pet_id, date, time) VALUES (4, 1, '2025-02-30', '09:00')",
            "2025-02-30",
            id="day that does not exist",
        ),
        pytest.param(
            "1750032503315",
            "INSERT INTO appointments (id, pet_id, scheduled_at, status) VALUES (4, 1, now(), 'maybe')",
            r"appointments whose status is none of the known: 4 \(maybe\)",
            id="unknown state",
        ),
        pytest.param(
            "1750033552868",
            "INSERT INTO medical_records (id, client_id, pet_name, diagnosis, weight) "
            "VALUES (4, 1, 'Rex', 'a', 'heavy'), (5, 1, 'Rex', 'a', '0'), (6, 1, 'Rex', 'a', '1.2345'), (7, 1, 'Rex', 'a', '2')",
            r"medical records whose weight cannot be read: 4 \(heavy\), 5 \(0\), 6 \(1\.2345\)\n",
            id="weight that is no number of kilograms",
        ),
    ],
)
def test_a_revision_names_the_rows_that_it_cannot_read_and_changes_nothing(
    at: Callable[[str], Database], revision: str, statement: str, message: str
) -> None:
    database = at(revision)
    run(database, PEOPLE, statement)
    untouched = facts(database)

    with pytest.raises(sa.exc.DBAPIError, match=message):
        upgrade(database, revision)

    assert facts(database) == untouched
    assert rows(database, "SELECT version_num FROM alembic_version") == [(before(revision),)]


_FIRST_RELEASE = """
    INSERT INTO users (id, email, password_hash, first_name, last_name, phone_number, role, is_active)
    VALUES (1, 'ana@vetai.example', '!', 'Ana', 'Ruiz', 34600123456, 'client', true),
        (2, 'leo@vetai.example', '!', 'Leo', 'Vidal', NULL, 'veterinarian', false);
    INSERT INTO clients (id, user_id, address, city, postal_code) VALUES (1, 1, 'Calle Mayor 1', 'Madrid', '28001');
    INSERT INTO veterinarians (id, user_id, license_number, specialty, consultation_fee, is_available)
    VALUES (1, 2, 'COL-1', 'surgery', 45.5, true);
    INSERT INTO pets (id, client_id, name, species, age, photo_url)
    VALUES (1, 1, 'Luna', 'cat', 3, 'https://photos.example/l.png');
    INSERT INTO appointments (id, pet_id, vet_id, date, time, status, reason, notes)
    VALUES (1, 1, 1, '2025-06-30', '09:05', 'completed', 'Cough', 'Nervous'),
        (2, 1, NULL, '2025-07-30', '17:30', 'pending', NULL, NULL);
    INSERT INTO medical_records
        (id, client_id, pet_name, appointment_id, veterinarian_id,
        symptoms, diagnosis, treatment, medications, weight, ai_diagnosis)
    VALUES (1, 1, 'Luna', 1, 1, 'Cough', 'Cold', 'Rest', E'Doxycycline; 5 mg/kg; twice a day\\nHoney', '4.2', 'A cold, 80 %');
    INSERT INTO vaccinations (id, pet_id, veterinarian_id, vaccine, batch_number, administered_on, next_due_on)
    VALUES (1, 1, 1, 'FVRCP', 'LOT-1', '2025-01-31', '2026-01-31');
    INSERT INTO notifications (id, user_id, title, message, read)
    VALUES (1, 1, 'Welcome', 'Hello', true), (2, 1, 'Soon', NULL, false)
"""
_FIRST_TABLES = ("users", "clients", "veterinarians", "pets", "appointments", "medical_records", "vaccinations", "notifications")


def _first_release(database: Database) -> dict[str, list[tuple[object, ...]]]:
    return {table: rows(database, f"SELECT to_jsonb({table}) FROM {table} ORDER BY id") for table in _FIRST_TABLES}


def test_rows_of_the_first_release_survive_the_way_to_head_and_back_unchanged(each_database: Database) -> None:
    upgrade(each_database, REVISIONS[0])
    run(each_database, _FIRST_RELEASE)
    original = _first_release(each_database)
    upgrade(each_database)
    downgrade(each_database, REVISIONS[0])

    assert _first_release(each_database) == original


def test_plain_alembic_runs_the_history_by_database_url(database: Database) -> None:
    project = Project(path=REPOSITORY, environment={**clean_environment(), "DATABASE_URL": database.url()})
    up = project.run("alembic", "upgrade", "head")
    shown = project.run("alembic", "current")

    assert (up.exit_code, shown.exit_code, shown.stdout) == (0, 0, "1750200000000 (head)\n")


def test_rows_that_violate_a_key_stop_the_last_revision(at: Callable[[str], Database]) -> None:
    database = at(REVISIONS[-1])
    run(database, PEOPLE)
    with connect(database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("INSERT INTO appointments (id, pet_id, scheduled_at) VALUES (1, 99, '2025-01-01')")

    with pytest.raises(sa.exc.IntegrityError, match="fk_appointments_pet_id_pets") as caught:
        upgrade(database)

    assert isinstance(caught.value.orig, psycopg.errors.ForeignKeyViolation)
    assert rows(database, "SELECT version_num FROM alembic_version") == [(before(REVISIONS[-1]),)]
