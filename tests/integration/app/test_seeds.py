"""Seed data: how much, for whom again, and the same on every server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.models import Base
from app.seeds import seed
from seachange.postgres.connection import Database
from seachange.postgres.server import Server
from tests.integration.app._history import REVISIONS, downgrade, opened, rows, run, upgrade

_UNIT = {
    "users": 100,
    "veterinarians": 10,
    "clients": 90,
    "pets": 150,
    "appointments": 200,
    "medical_records": 120,
    "prescriptions": 80,
    "ai_diagnoses": 50,
    "vaccinations": 90,
    "attachments": 40,
    "notifications": 70,
}


def _seed(database: Database, scale: int) -> dict[str, int]:
    with opened(database) as connection:
        return seed(connection, scale)


def _content(database: Database) -> dict[str, object]:
    """Return a digest of every table, ids and moments included."""
    digest = "SELECT md5(string_agg(to_jsonb({0})::text, ',' ORDER BY id)) FROM {0}"
    utc = database.with_parameters(options="-c TimeZone=UTC")
    return {table: rows(utc, digest.format(table)) for table in _UNIT}


def _counts(database: Database) -> dict[str, object]:
    return {table: rows(database, f"SELECT count(*) FROM {table}")[0][0] for table in _UNIT}


def test_a_unit_of_scale_is_a_thousand_rows_in_all_tables(clinic: Database) -> None:
    assert _seed(clinic, 1) == _UNIT
    assert _counts(clinic) == _UNIT
    assert sum(_UNIT.values()) == 1000
    assert set(_UNIT) == set(Base.metadata.tables)


def test_seeding_again_adds_nothing(clinic: Database) -> None:
    _seed(clinic, 2)
    before = _content(clinic)

    assert _seed(clinic, 2) == dict.fromkeys(_UNIT, 0)
    assert _content(clinic) == before


def test_a_larger_scale_only_adds(clinic_on: Callable[[Server], Database], server: Server) -> None:
    in_steps, at_once = clinic_on(server), clinic_on(server)
    _seed(in_steps, 1)
    added = _seed(in_steps, 3)
    _seed(at_once, 3)

    assert added == {table: 2 * count for table, count in _UNIT.items()}
    assert _content(in_steps) == _content(at_once)


def test_a_smaller_scale_takes_nothing_away(clinic: Database) -> None:
    _seed(clinic, 2)

    assert _seed(clinic, 1) == dict.fromkeys(_UNIT, 0)
    assert _counts(clinic) == {table: 2 * count for table, count in _UNIT.items()}


def test_the_data_are_the_same_on_every_major_and_in_every_time_zone(
    clinic_on: Callable[[Server], Database], server_of: Callable[[int], Server]
) -> None:
    contents = []
    for major, zone in ((14, "Asia/Kolkata"), (18, "America/New_York")):
        database = clinic_on(server_of(major))
        _seed(database.with_parameters(options=f"-c TimeZone={zone} -c DateStyle=SQL,DMY -c IntervalStyle=iso_8601"), 2)
        contents.append(_content(database))

    assert contents[0] == contents[1]


def test_rows_that_the_clinic_made_itself_are_left_alone(clinic: Database) -> None:
    run(
        clinic,
        "INSERT INTO users (email, password_hash, first_name, last_name, role) "
        "VALUES ('user1@vetai.example', 'secret', 'Real', 'Person', 'admin'), ('user11@vetai.example', 'x', 'A', 'B', 'client')",
        "INSERT INTO veterinarians (user_id, license_number) SELECT id, 'COL-2' FROM users WHERE email = 'user11@vetai.example'",
    )
    made = _seed(clinic, 1)

    kept = "SELECT email, password_hash, first_name, role FROM users WHERE first_name IN ('Real', 'A') ORDER BY id"
    assert rows(clinic, kept) == [
        ("user1@vetai.example", "secret", "Real", "admin"),
        ("user11@vetai.example", "x", "A", "client"),
    ]
    assert (made["users"], made["veterinarians"], made["appointments"]) == (98, 9, 200)


def test_what_was_deleted_comes_back_and_what_was_changed_stays(clinic: Database) -> None:
    _seed(clinic, 1)
    run(
        clinic,
        "DELETE FROM users WHERE email = 'user11@vetai.example'",
        "UPDATE users SET first_name = 'Changed' WHERE email = 'user50@vetai.example'",
    )
    made = _seed(clinic, 1)

    assert (made["users"], made["clients"], made["pets"]) == (1, 1, 2)
    assert _counts(clinic) == _UNIT
    assert rows(clinic, "SELECT first_name FROM users WHERE email = 'user50@vetai.example'") == [("Changed",)]


def test_rows_inserted_afterwards_get_new_ids(clinic: Database) -> None:
    _seed(clinic, 1)
    run(clinic, "INSERT INTO pets (client_id, name, species) SELECT min(id), 'Pipo', 'bird' FROM clients")

    behind = [
        table
        for table in _UNIT
        if rows(clinic, f"SELECT last_value < (SELECT max(id) FROM {table}) FROM {table}_id_seq") != [(False,)]
    ]
    assert behind == []


def test_the_data_make_sense(clinic: Database) -> None:
    _seed(clinic, 2)
    nonsense = {
        "treated before birth": "SELECT count(*) FROM pets JOIN appointments ON pet_id = pets.id WHERE scheduled_at < birth_date",
        "record of another pet": "SELECT count(*) FROM medical_records m JOIN appointments a ON a.id = appointment_id "
        "WHERE a.pet_id <> m.pet_id OR a.state <> 'completed' OR a.veterinarian_id IS DISTINCT FROM m.veterinarian_id",
        "file uploaded by a stranger": "SELECT count(*) FROM attachments a JOIN pets p ON p.id = a.pet_id "
        "JOIN clients c ON c.id = p.client_id WHERE c.user_id <> a.uploaded_by_id",
        "notice to a stranger": "SELECT count(*) FROM notifications n JOIN appointments a ON a.id = n.appointment_id "
        "JOIN pets p ON p.id = a.pet_id JOIN clients c ON c.id = p.client_id WHERE c.user_id <> n.user_id",
        "profile that is not the role": "SELECT count(*) FROM users u LEFT JOIN clients c ON c.user_id = u.id "
        "LEFT JOIN veterinarians v ON v.user_id = u.id WHERE (u.role = 'client') <> (c.id IS NOT NULL) "
        "OR (u.role = 'veterinarian') <> (v.id IS NOT NULL)",
        "dog vaccine for a cat": "SELECT count(*) FROM vaccinations v JOIN pets p ON p.id = v.pet_id "
        "WHERE (v.vaccine = 'DHPP') <> (p.species = 'dog')",
        "veterinarian at two places": "SELECT count(*) - count(DISTINCT (veterinarian_id, scheduled_at)) FROM appointments",
        "bird of a hundred kilograms": "SELECT count(*) FROM pets WHERE weight_kg > CASE species WHEN 'bird' THEN 1 ELSE 50 END",
    }

    assert {what: rows(clinic, query)[0][0] for what, query in nonsense.items()} == dict.fromkeys(nonsense, 0)


def test_the_data_vary(clinic: Database) -> None:
    _seed(clinic, 2)
    (kinds,) = rows(
        clinic,
        "SELECT (SELECT count(DISTINCT state) FROM appointments), (SELECT count(DISTINCT species) FROM pets), "
        "(SELECT count(DISTINCT name) FROM pets) > 15, (SELECT count(DISTINCT first_name) FROM users) > 15, "
        "(SELECT count(DISTINCT diagnosis) FROM medical_records) > 5, (SELECT count(DISTINCT kind) FROM attachments)",
    )

    assert kinds == (6, 4, True, True, True, 5)


def test_seeded_rows_survive_the_way_down_to_the_first_release_and_up(clinic: Database) -> None:
    _seed(clinic, 1)
    kept = {
        "users": "id, email, first_name, last_name, phone, role, is_active, created_at, updated_at",
        "veterinarians": "*",
        "pets": "id, client_id, name, species, created_at, updated_at",
        "appointments": "id, pet_id, veterinarian_id, scheduled_at, state, reason, created_at, updated_at",
        "medical_records": "id, pet_id, appointment_id, veterinarian_id, symptoms, diagnosis, treatment, weight_kg, created_at",
        "prescriptions": "medical_record_id, position, medication, dosage, instructions",
        "vaccinations": "*",
    }
    queries = {table: f"SELECT {columns} FROM {table} ORDER BY 1, 2" for table, columns in kept.items()}
    before = {table: rows(clinic, query) for table, query in queries.items()}
    downgrade(clinic, REVISIONS[0])
    upgrade(clinic)

    assert {table: rows(clinic, query) for table, query in queries.items()} == before
    assert rows(clinic, "SELECT count(*), min(result ->> 'summary') ~ '^Consistent with' FROM ai_diagnoses") == [(50, True)]


@pytest.mark.parametrize("scale", [0, -1])
def test_a_scale_below_one_is_refused(clinic: Database, scale: int) -> None:
    with pytest.raises(ValueError, match=f"scale is {scale}; it must be 1 or more"):
        _seed(clinic, scale)
