"""The web service on a real database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.seeds import seed
from app.service import application
from seachange import config
from seachange.postgres.connection import Database
from tests.asgi import Client
from tests.integration.app._history import REVISIONS, downgrade, opened, rows, run
from tests.project import REPOSITORY, Project

HEAD = REVISIONS[-1]


@pytest.fixture
def serve() -> Iterator[Callable[[str], Client]]:
    """The service with a DATABASE_URL, shut down after the test."""
    with ExitStack() as stack:

        def started(url: str) -> Client:
            settings = config.load(REPOSITORY, environ={"DATABASE_URL": url, "APP_ENV": "production"})
            return stack.enter_context(Client(application(settings)))

        yield started


@pytest.fixture
def client(clinic: Database, serve: Callable[[str], Client]) -> Client:
    """The service on a seeded clinic."""
    with opened(clinic) as connection:
        seed(connection)
    return serve(clinic.url())


def test_it_is_healthy_when_the_database_is_at_head(clinic: Database, serve: Callable[[str], Client]) -> None:
    answer = serve(clinic.url()).get("/health")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "revision": [HEAD], "head": [HEAD]})
    assert answer.headers["cache-control"] == "no-store"


def test_it_is_unhealthy_while_a_revision_is_pending_and_healthy_afterwards(
    clinic: Database, serve: Callable[[str], Client]
) -> None:
    service = serve(clinic.url())
    run(clinic, f"UPDATE alembic_version SET version_num = '{REVISIONS[-2]}'")
    pending = service.get("/health")
    run(clinic, f"UPDATE alembic_version SET version_num = '{HEAD}'")

    assert (pending.status_code, pending.json()) == (
        503,
        {
            "status": "unavailable",
            "reason": f"the database is at {REVISIONS[-2]}, the files are at {HEAD}",
            "revision": [REVISIONS[-2]],
            "head": [HEAD],
        },
    )
    assert service.get("/health").status_code == 200


def test_it_is_unhealthy_on_an_empty_database(database: Database, serve: Callable[[str], Client]) -> None:
    answer = serve(database.url()).get("/health")

    assert answer.status_code == 503
    assert answer.json()["reason"] == f"the database is at no revision, the files are at {HEAD}"


def test_it_is_unhealthy_on_a_database_that_was_taken_down_to_base(clinic: Database, serve: Callable[[str], Client]) -> None:
    downgrade(clinic, "base")

    assert serve(clinic.url()).get("/health").json()["reason"] == f"the database is at no revision, the files are at {HEAD}"


@pytest.mark.parametrize("path", ["/health", "/appointments", "/pets/1"])
def test_no_password_is_ever_answered_or_logged(
    serve: Callable[[str], Client], caplog: pytest.LogCaptureFixture, tmp_path: Path, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    service = serve(f"postgresql://vetai:canary-4711@/clinic?host={tmp_path}")
    answer = service.get(path)

    assert answer.status_code == 503
    assert "canary" not in answer.text + str(answer.headers) + caplog.text
    assert service.get("/health").json()["reason"].startswith("cannot reach postgresql://vetai@")


def test_without_a_database_in_production_the_reason_is_told() -> None:
    settings = config.load(REPOSITORY, environ={"APP_ENV": "production"})
    with Client(application(settings)) as service:
        answer = service.get("/health")

    assert (answer.status_code, answer.json()) == (
        503,
        {"status": "unavailable", "reason": "APP_ENV is production, and no database is named"},
    )


def test_in_development_the_embedded_server_is_used(project: Project) -> None:
    settings = config.load(project.path, environ=project.environment)
    with Client(application(settings)) as service:
        answer = service.get("/health")

    assert answer.json()["reason"] == f"the database is at no revision, the files are at {HEAD}"


def test_the_latest_appointments_come_first(client: Client, clinic: Database) -> None:
    expected = rows(
        clinic,
        "SELECT a.id, p.name, u.first_name || ' ' || u.last_name FROM appointments a JOIN pets p ON p.id = a.pet_id "
        "JOIN veterinarians v ON v.id = a.veterinarian_id JOIN users u ON u.id = v.user_id "
        "ORDER BY a.scheduled_at DESC, a.id DESC LIMIT 50",
    )
    found = client.get("/appointments").json()["appointments"]

    assert [(one["id"], one["pet"]["name"], one["veterinarian"]["name"]) for one in found] == expected


def test_an_appointment_is_told_whole(client: Client, clinic: Database) -> None:
    run(
        clinic,
        "UPDATE appointments SET veterinarian_id = NULL, scheduled_at = '2030-01-01 10:00+02', reason = 'Cough', "
        "duration_minutes = 45, state = 'confirmed' WHERE id = 1",
        "UPDATE pets SET name = 'Luna', species = 'cat' FROM appointments WHERE appointments.id = 1 AND pets.id = pet_id",
    )
    (pet,) = rows(clinic, "SELECT pet_id FROM appointments WHERE id = 1")

    assert client.get("/appointments?limit=1").json() == {
        "appointments": [
            {
                "id": 1,
                "scheduled_at": "2030-01-01T08:00:00+00:00",
                "duration_minutes": 45,
                "state": "confirmed",
                "reason": "Cough",
                "pet": {"id": pet[0], "name": "Luna", "species": "cat"},
                "veterinarian": None,
            }
        ]
    }


@pytest.mark.parametrize(("state", "count"), [("cancelled", 20), ("no_show", 10), ("in_progress", 2)])
def test_appointments_of_one_state(client: Client, state: str, count: int) -> None:
    found = client.get(f"/appointments?state={state}&limit=500").json()["appointments"]

    assert [one["state"] for one in found] == [state] * count


def test_a_pet_is_told_with_its_owner_and_its_records(client: Client, clinic: Database) -> None:
    ((pet_id, name, owner, records, lines, vaccinations),) = rows(
        clinic,
        """
        SELECT p.id, p.name, u.first_name || ' ' || u.last_name,
            (SELECT count(*) FROM medical_records m WHERE m.pet_id = p.id),
            (SELECT count(*) FROM medical_records m JOIN prescriptions ON medical_record_id = m.id WHERE m.pet_id = p.id),
            (SELECT count(*) FROM vaccinations v WHERE v.pet_id = p.id)
        FROM pets p
        JOIN clients c ON c.id = p.client_id
        JOIN users u ON u.id = c.user_id
        JOIN medical_records m ON m.pet_id = p.id
        JOIN prescriptions x ON x.medical_record_id = m.id
        JOIN vaccinations v ON v.pet_id = p.id
        ORDER BY p.id LIMIT 1""",
    )
    pet = client.get(f"/pets/{pet_id}").json()["pet"]
    told = sum(len(record["prescriptions"]) for record in pet["medical_records"])

    assert (pet["id"], pet["name"], pet["owner"]["name"]) == (pet_id, name, owner)
    assert (len(pet["medical_records"]), told, len(pet["vaccinations"])) == (records, lines, vaccinations)
    assert "password_hash" not in str(pet)


@pytest.mark.parametrize("number", ["0", "151", "-1", "abc", "1.0", "9" * 18, "9" * 19, "9" * 5000, "\u0661", "%00"])
def test_a_pet_that_does_not_exist_is_not_found(client: Client, number: str) -> None:
    answer = client.get(f"/pets/{number}")

    assert answer.status_code == 404
    assert answer.json()["error"].startswith("no pet has the id ")


@pytest.mark.parametrize(("method", "path"), [("POST", "/appointments"), ("DELETE", "/pets/1"), ("PUT", "/health")])
def test_other_methods_than_reading_are_refused_as_json(client: Client, method: str, path: str) -> None:
    answer = client.request(method, path)

    assert (answer.status_code, answer.json()) == (405, {"error": "Method Not Allowed"})


def test_connections_are_closed_at_the_end(clinic: Database, serve: Callable[[str], Client]) -> None:
    mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vetai' AND datname = current_database()"
    settings = config.load(REPOSITORY, environ={"DATABASE_URL": clinic.url(), "APP_ENV": "production"})
    with Client(application(settings)) as service:
        assert service.get("/health").status_code == 200
        assert rows(clinic, mine) == [(1,)]

    assert rows(clinic, mine) == [(0,)]


def test_a_connection_that_the_server_closed_is_replaced(client: Client, clinic: Database) -> None:
    assert client.get("/health").status_code == 200

    rows(clinic, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vetai'")

    assert client.get("/health").status_code == 200


def test_a_table_that_is_missing_is_told_without_the_statement(
    client: Client, clinic: Database, caplog: pytest.LogCaptureFixture
) -> None:
    run(clinic, "ALTER TABLE pets RENAME TO animals")
    answer = client.get("/pets/1")

    assert (answer.status_code, answer.json()) == (503, {"error": "the database cannot answer; /health says why"})
    assert 'GET /pets/1: relation "pets" does not exist' in caplog.text
    assert "SELECT" not in caplog.text
