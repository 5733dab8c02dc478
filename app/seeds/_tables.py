"""One statement for each table of the clinic, in the order of its foreign keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from app.seeds._names import ANIMALS, CASES, CITIES, FIRST_NAMES, LAST_NAMES, PET_NAMES, SPECIALTIES, STREETS, VACCINES
from app.seeds._values import EPOCH, choose, microchip, pick, user_email, veterinarian_license, visit_pet, visit_time

__all__ = ["TABLES", "SeedTable"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeedTable:
    """What one table gets for every unit of scale.

    ``columns`` are expressions over ``u``, the unit from 0, ``r``, the row in the unit from 0, ``n``, the row from 1, and the
    tables in ``joins``; ``key`` is the condition under which a row of the table is this one.
    """

    name: str
    rows: int
    columns: Mapping[str, str]
    key: str
    joins: str = ""

    @property
    def statement(self) -> str:
        """One INSERT for units 1 to ``:units``, in which rows that are there already are left as they are."""
        return f"""
            INSERT INTO {self.name} ({", ".join(self.columns)})
            SELECT {", ".join(self.columns.values())}
            FROM (
                SELECT n, (n - 1) / {self.rows} AS u, (n - 1) % {self.rows} AS r
                FROM generate_series(1, CAST(:units AS bigint) * {self.rows}) AS n
            ) AS series
            {self.joins}
            WHERE NOT EXISTS (SELECT FROM {self.name} AS present WHERE {self.key})
            ORDER BY n
            ON CONFLICT DO NOTHING"""  # noqa: S608 - made of the constants below


def _made(moment: str) -> dict[str, str]:
    return {"created_at": moment, "updated_at": moment}


def _day(days: str) -> str:
    return f"{EPOCH} + make_interval(hours => 24 * ({days})::integer)"


def _visit(index: str) -> str:
    """Join the pet and the appointment ``index`` of the unit."""
    return f"""
            JOIN pets ON pets.microchip = {microchip(visit_pet(index))}
            JOIN appointments ON appointments.pet_id = pets.id AND appointments.scheduled_at = {visit_time(index)}"""


_RECORD = "JOIN medical_records ON medical_records.appointment_id = appointments.id"
_STATES = """
    CASE WHEN r < 120 THEN 'completed' WHEN r < 140 THEN 'cancelled' WHEN r < 150 THEN 'no_show' WHEN r < 152 THEN 'in_progress'
        WHEN r < 180 THEN 'confirmed' ELSE 'pending' END::appointment_state"""
_VACCINATED_ON = "DATE '2023-07-01' + r::integer"
_NOTICE = "CASE WHEN r < 10 THEN 'cancellation' WHEN r % 2 = 0 THEN 'confirmation' ELSE 'reminder' END"

TABLES = (
    SeedTable(
        name="users",
        rows=100,
        key=f"present.email = {user_email('r')}",
        columns={
            "email": user_email("r"),
            # No password has this hash, so that nobody can sign in as a seeded user.
            "password_hash": "'!'",
            "first_name": choose(FIRST_NAMES, "n"),
            "last_name": choose(LAST_NAMES, "n", salt=1) + " || ' ' || " + choose(LAST_NAMES, "n", salt=2),
            "phone": f"CASE WHEN r % 10 <> 9 THEN '+34' || 600000000 + {pick('n', 99999989, salt=3)} END",
            "role": "CASE WHEN r < 10 THEN 'veterinarian' ELSE 'client' END",
            "is_active": "r % 25 <> 24",
            "last_login_at": f"CASE WHEN r % 7 <> 6 THEN {_day(pick('n', 400, salt=4))} END",
            **_made(_day(f"-400 + {pick('n', 400, salt=5)}")),
        },
    ),
    SeedTable(
        name="veterinarians",
        rows=10,
        key=f"present.user_id = users.id OR present.license_number = {veterinarian_license('r')}",
        joins=f"JOIN users ON users.email = {user_email('r')}",
        columns={
            "user_id": "users.id",
            "license_number": veterinarian_license("r"),
            "specialty": choose(SPECIALTIES, "n"),
            "consultation_fee": f"30 + {pick('n', 60, salt=1)} * 0.5",
            "is_available": "r <> 9",
            **_made("users.created_at"),
        },
    ),
    SeedTable(
        name="clients",
        rows=90,
        key="present.user_id = users.id",
        joins=f"""
            JOIN users ON users.email = {user_email("10 + r")}
            LEFT JOIN veterinarians ON r % 3 <> 0 AND veterinarians.license_number = {veterinarian_license("r % 10")}""",
        columns={
            "user_id": "users.id",
            "address": choose(STREETS, "n") + f" || ' ' || 1 + {pick('n', 120, salt=1)}",
            "city": choose([city for city, _ in CITIES], "n", salt=2),
            "postal_code": choose([code for _, code in CITIES], "n", salt=2) + f" || lpad({pick('n', 20, salt=3)}::text, 3, '0')",
            "preferred_veterinarian_id": "veterinarians.id",
            **_made("users.created_at"),
        },
    ),
    SeedTable(
        name="pets",
        rows=150,
        key=f"present.microchip = {microchip('r')}",
        joins=f"""
            JOIN users ON users.email = {user_email("10 + r * 3 / 5")}
            JOIN clients ON clients.user_id = users.id""",
        columns={
            "client_id": "clients.id",
            "name": choose(PET_NAMES, "n"),
            "species": choose([animal.species for animal in ANIMALS], "n", salt=1),
            "breed": choose([animal.breed for animal in ANIMALS], "n", salt=1),
            "sex": choose(["female", "male", "female", "male", "unknown"], "n", salt=2),
            "birth_date": f"DATE '2023-06-01' - {pick('n', 4000, salt=3)}::integer",
            "birth_date_estimated": "r % 6 = 0",
            "weight_kg": choose([str(animal.grams) for animal in ANIMALS], "n", salt=1)
            + f"::numeric * (80 + {pick('n', 40, salt=4)}) / 100000",
            "microchip": microchip("r"),
            "deceased_on": "CASE WHEN r = 149 THEN DATE '2025-06-01' END",
            **_made("clients.created_at"),
        },
    ),
    SeedTable(
        name="appointments",
        rows=200,
        key=f"present.pet_id = pets.id AND present.scheduled_at = {visit_time('r')}",
        joins=f"""
            JOIN pets ON pets.microchip = {microchip(visit_pet("r"))}
            LEFT JOIN veterinarians ON veterinarians.license_number = {veterinarian_license("r % 10")}""",
        columns={
            "pet_id": "pets.id",
            "veterinarian_id": "veterinarians.id",
            "scheduled_at": visit_time("r"),
            "duration_minutes": f"15 * (1 + {pick('n', 4, salt=2)})",
            "state": _STATES,
            "reason": choose([case.reason for case in CASES], "n"),
            "notes": "CASE WHEN r % 4 = 0 THEN 'Bring the vaccination card.' END",
            "cancellation_reason": "CASE WHEN r BETWEEN 120 AND 139 THEN 'The client cannot come.' END",
            **_made(f"{visit_time('r')} - interval '240 hours'"),
        },
    ),
    SeedTable(
        name="medical_records",
        rows=120,
        key="present.appointment_id = appointments.id",
        joins=_visit("r"),
        columns={
            "pet_id": "pets.id",
            "appointment_id": "appointments.id",
            "veterinarian_id": "appointments.veterinarian_id",
            "symptoms": choose([case.reason for case in CASES], "n"),
            "diagnosis": choose([case.diagnosis for case in CASES], "n"),
            "treatment": choose([case.treatment for case in CASES], "n"),
            "weight_kg": "pets.weight_kg",
            "temperature_c": f"37.5 + {pick('n', 21, salt=1)} / 10.0",
            "follow_up_on": "CASE WHEN r % 3 = 0 THEN (appointments.scheduled_at AT TIME ZONE 'UTC')::date + 14 END",
            **_made("appointments.scheduled_at"),
        },
    ),
    SeedTable(
        name="prescriptions",
        rows=80,
        key="present.medical_record_id = medical_records.id AND present.position = r / 60 + 1",
        joins=_visit("(r % 60)") + _RECORD,
        columns={
            "medical_record_id": "medical_records.id",
            "position": "r / 60 + 1",
            "medication": choose([case.medication for case in CASES], "n"),
            "dosage": choose([case.dosage for case in CASES], "n"),
            "instructions": f"CASE WHEN r % 2 = 0 THEN 'For ' || 3 + {pick('n', 12, salt=1)} || ' days, with food.' END",
            **_made("medical_records.created_at"),
        },
    ),
    SeedTable(
        name="ai_diagnoses",
        rows=50,
        key="present.medical_record_id = medical_records.id AND present.model_name = 'vetai-vision-2'",
        joins=_visit("(r * 2)") + _RECORD,
        columns={
            "pet_id": "pets.id",
            "medical_record_id": "medical_records.id",
            "reviewed_by_id": "CASE WHEN r % 4 <> 0 THEN medical_records.veterinarian_id END",
            "model_name": "'vetai-vision-2'",
            "result": f"""jsonb_build_object(
                'summary', 'Consistent with: ' || medical_records.diagnosis,
                'findings', jsonb_build_array(jsonb_build_object(
                    'label', medical_records.diagnosis, 'score', (50 + {pick("n", 50)})::numeric / 100)),
                'images', 1 + {pick("n", 4, salt=1)})""",
            "confidence": f"(50 + {pick('n', 50)})::numeric / 100",
            **_made("medical_records.created_at"),
        },
    ),
    SeedTable(
        name="vaccinations",
        rows=90,
        key=f"present.pet_id = pets.id AND present.vaccine = {VACCINES} AND present.administered_on = {_VACCINATED_ON}",
        joins=f"""
            JOIN pets ON pets.microchip = {microchip("r")}
            LEFT JOIN veterinarians ON veterinarians.license_number = {veterinarian_license("r % 10")}""",
        columns={
            "pet_id": "pets.id",
            "veterinarian_id": "veterinarians.id",
            "vaccine": VACCINES,
            "batch_number": f"'LOT-' || 1000 + {pick('n', 9000)}",
            "administered_on": _VACCINATED_ON,
            "valid_days": "CASE WHEN r % 9 <> 8 THEN 365 END",
            **_made("timestamptz '2023-07-01 09:00:00+00' + make_interval(hours => 24 * r::integer)"),
        },
    ),
    SeedTable(
        name="attachments",
        rows=40,
        key="present.pet_id = pets.id AND present.storage_key = 'seed/' || n",
        joins=_visit("(r * 3)") + _RECORD + "\nJOIN clients ON clients.id = pets.client_id",
        columns={
            "pet_id": "pets.id",
            "medical_record_id": "medical_records.id",
            "uploaded_by_id": "clients.user_id",
            "kind": choose(["photo", "x_ray", "photo", "laboratory", "ultrasound", "document"], "n"),
            "storage_key": "'seed/' || n",
            "file_name": "'case-' || n || '.jpg'",
            "content_type": "'image/jpeg'",
            "size_bytes": f"20000 + {pick('n', 900000, salt=1)}",
            **_made("medical_records.created_at"),
        },
    ),
    SeedTable(
        name="notifications",
        rows=70,
        key=f"""present.user_id = clients.user_id AND present.appointment_id = appointments.id
            AND present.kind = {_NOTICE}""",
        joins=_visit("(130 + r)") + "\nJOIN clients ON clients.id = pets.client_id",
        columns={
            "user_id": "clients.user_id",
            "appointment_id": "appointments.id",
            "kind": _NOTICE,
            "title": "CASE WHEN r < 10 THEN 'Your appointment was cancelled' ELSE 'Your appointment for ' || pets.name END",
            "body": "to_char(appointments.scheduled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') || ' at the clinic'",
            "read_at": "CASE WHEN r % 3 = 0 THEN appointments.scheduled_at - interval '20 hours' END",
            **_made("appointments.scheduled_at - interval '24 hours'"),
        },
    ),
)
