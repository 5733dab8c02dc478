"""The models and a database at the head of the history are the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import orm

from app.models import Base, Client, MedicalRecord, Pet, User, Vaccination, Veterinarian
from seachange.postgres.connection import Database
from seachange.postgres.server import Server
from tests.integration.app._history import configured, facts, opened, rows, run


def test_a_migrated_database_is_the_one_that_the_models_create(
    each_server: Server, each_database: Database, clinic_on: Callable[[Server], Database]
) -> None:
    with opened(each_database) as connection:
        Base.metadata.create_all(connection)

    assert facts(each_database, not_null_names=True) == facts(clinic_on(each_server), not_null_names=True)


def test_alembic_check_finds_no_difference(each_server: Server, clinic_on: Callable[[Server], Database]) -> None:
    with configured(clinic_on(each_server)) as (config, printed):
        command.check(config)

    assert printed.getvalue() == "No new upgrade operations detected.\n"


def test_every_foreign_key_is_proven_has_a_policy_and_an_index(clinic: Database) -> None:
    lacking = rows(
        clinic,
        """
        SELECT conname FROM pg_constraint
        WHERE contype = 'f' AND NOT (convalidated AND confdeltype IN ('c', 'n') AND EXISTS (
            SELECT FROM pg_index WHERE indrelid = conrelid AND indkey[0] = conkey[1] AND indisvalid AND indpred IS NULL
        ))""",
    )

    assert lacking == []
    assert rows(clinic, "SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == [(20,)]


def _fill(session: orm.Session) -> None:
    owner = User(email="ana@vetai.example", password_hash="!", first_name="Ana", last_name="Ruiz", phone="+34600000001")
    treating = User(email="leo@vetai.example", password_hash="!", first_name="Leo", last_name="Vidal", role="veterinarian")
    veterinarian = Veterinarian(user=treating, license_number="COL-1")
    pet = Pet(client=Client(user=owner, preferred_veterinarian=veterinarian), name="Luna", species="cat")
    pet.medical_records.append(MedicalRecord(veterinarian=veterinarian, diagnosis="Otitis externa"))
    session.add(pet)


def test_deleting_a_client_takes_the_pets_and_their_records_along(clinic: Database) -> None:
    with opened(clinic) as connection, orm.Session(connection) as session:
        _fill(session)
        session.commit()
    run(clinic, "DELETE FROM users WHERE email = 'ana@vetai.example'")

    left = "SELECT (SELECT count(*) FROM clients), (SELECT count(*) FROM pets), (SELECT count(*) FROM medical_records)"
    assert rows(clinic, left) == [(0, 0, 0)]


def test_a_medical_record_outlives_its_veterinarian(clinic: Database) -> None:
    with opened(clinic) as connection, orm.Session(connection) as session:
        _fill(session)
        session.commit()
    run(clinic, "DELETE FROM users WHERE email = 'leo@vetai.example'")

    assert rows(clinic, "SELECT veterinarian_id, diagnosis FROM medical_records") == [(None, "Otitis externa")]
    assert rows(clinic, "SELECT preferred_veterinarian_id FROM clients") == [(None,)]


def test_the_server_computes_when_a_vaccination_expires(clinic: Database) -> None:
    with opened(clinic) as connection, orm.Session(connection) as session:
        _fill(session)
        pet = session.scalars(sa.select(Pet)).one()
        pet.vaccinations.append(Vaccination(vaccine="FVRCP", administered_on=sa.func.date("2024-02-29"), valid_days=365))
        session.commit()

    assert rows(clinic, "SELECT expires_on::text FROM vaccinations") == [("2025-02-28",)]


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("INSERT INTO users (email, password_hash, first_name, last_name) VALUES ('x', '!', 'a', 'b')", id="email"),
        pytest.param("UPDATE users SET phone = '600000001'", id="phone without country"),
        pytest.param("UPDATE users SET role = 'owner'", id="role"),
        pytest.param("UPDATE veterinarians SET consultation_fee = -1", id="negative fee"),
        pytest.param("UPDATE pets SET name = ' '", id="blank name"),
        pytest.param("UPDATE pets SET sex = 'f'", id="sex"),
        pytest.param("UPDATE pets SET microchip = '123'", id="short microchip"),
        pytest.param("UPDATE pets SET birth_date = '2024-01-02', deceased_on = '2024-01-01'", id="dead before birth"),
        pytest.param("UPDATE medical_records SET weight_kg = 0", id="no weight"),
        pytest.param("UPDATE medical_records SET temperature_c = 99", id="Fahrenheit"),
        pytest.param(
            "INSERT INTO appointments (pet_id, scheduled_at, duration_minutes) SELECT id, now(), 1 FROM pets", id="short"
        ),
        pytest.param(
            "INSERT INTO appointments (pet_id, scheduled_at, cancellation_reason) SELECT id, now(), 'ill' FROM pets",
            id="reason without cancellation",
        ),
        pytest.param(
            "INSERT INTO ai_diagnoses (pet_id, model_name, result) SELECT id, 'm', '[1]' FROM pets", id="answer is a list"
        ),
        pytest.param(
            "INSERT INTO ai_diagnoses (pet_id, model_name, result, confidence) SELECT id, 'm', '{}', 2 FROM pets", id="too sure"
        ),
        pytest.param(
            "INSERT INTO attachments (pet_id, kind, storage_key, file_name) SELECT id, 'gif', 'a', 'a' FROM pets",
            id="kind of file",
        ),
        pytest.param("INSERT INTO notifications (user_id, kind, title) SELECT id, 'spam', 'a' FROM users", id="kind of notice"),
    ],
)
def test_check_constraints_refuse(clinic: Database, statement: str) -> None:
    with opened(clinic) as connection, orm.Session(connection) as session:
        _fill(session)
        session.commit()

    with opened(clinic) as connection, pytest.raises(sa.exc.IntegrityError, match='violates check constraint "ck_'):
        connection.exec_driver_sql(statement)
