"""What the revisions of migrations/versions, and the last one, do to the rows that they meet, up and down."""

from __future__ import annotations

from collections.abc import Callable

from seachange.postgres.connection import Database
from tests.integration.app._history import PEOPLE, REVISIONS, before, downgrade, rows, run, there_and_back


def test_words_for_a_state_become_states(at: Callable[[str], Database]) -> None:
    database = at("1750032503315")
    words = ("pending", " Done ", "canceled", "No-Show", "in progress", "scheduled", "completed")
    run(
        database,
        PEOPLE,
        *(
            f"INSERT INTO appointments (pet_id, scheduled_at, status) VALUES (1, '2025-01-{day:02}', '{word}')"
            for day, word in enumerate(words, 1)
        ),
    )

    states, texts, again = there_and_back(
        database,
        "1750032503315",
        "SELECT state::text FROM appointments ORDER BY id",
        below="SELECT status FROM appointments ORDER BY id",
    )

    expected = ["pending", "completed", "cancelled", "no_show", "in_progress", "confirmed", "completed"]
    assert states == texts == again == [(state,) for state in expected]


def test_medications_become_prescriptions_and_weights_numbers(at: Callable[[str], Database]) -> None:
    database = at("1750033552868")
    run(
        database,
        PEOPLE,
        """
        INSERT INTO medical_records (client_id, pet_name, diagnosis, medications, weight)
        VALUES (1, 'Luna', 'a', E'Amoxicillin; 250 mg; twice a day; with food\\r\\n\\n Meloxicam \\n;unnamed; 1', '12,5 kg'),
            (1, 'Luna', 'b', 'Rest;;a week', ' 4.250KG '), (1, 'Rex', 'c', NULL, '30'), (1, 'Rex', 'd', ' ', '  '),
            (1, 'Rex', 'e', '', NULL)""",
    )

    lines, texts, again = there_and_back(
        database,
        "1750033552868",
        "SELECT diagnosis, weight_kg::text, position, medication, dosage, instructions "
        "FROM medical_records LEFT JOIN prescriptions ON medical_record_id = medical_records.id ORDER BY diagnosis, position",
        below="SELECT diagnosis, medications, weight FROM medical_records ORDER BY diagnosis",
    )

    assert lines == [
        ("a", "12.500", 1, "Amoxicillin", "250 mg", "twice a day; with food"),
        ("a", "12.500", 2, "Meloxicam", None, None),
        ("a", "12.500", 3, ";unnamed; 1", None, None),
        ("b", "4.250", 1, "Rest", None, "a week"),
        ("c", "30.000", None, None, None, None),
        ("d", None, None, None, None, None),
        ("e", None, None, None, None, None),
    ]
    assert texts == [
        ("a", "Amoxicillin; 250 mg; twice a day; with food\nMeloxicam\n;unnamed; 1", "12.5"),
        ("b", "Rest; ; a week", "4.25"),
        ("c", None, "30"),
        ("d", None, None),
        ("e", None, None),
    ]
    assert again == lines


def test_separators_inside_a_prescription_do_not_split_it_on_the_way_back(at: Callable[[str], Database]) -> None:
    database = at("1750036733746")
    run(
        database,
        PEOPLE,
        "INSERT INTO medical_records (id, client_id, pet_name, diagnosis) VALUES (1, 1, 'Luna', 'a')",
        """
        INSERT INTO prescriptions (medical_record_id, position, medication, dosage, instructions)
        VALUES (1, 5, E'A; B', E'1;\\n2', E'first\\nthen'), (1, 2, 'C', NULL, NULL)""",
    )
    downgrade(database, "1750032503315")

    assert rows(database, "SELECT medications FROM medical_records") == [("C\nA, B; 1, 2; first then",)]


def test_durations_become_minutes_and_forgotten_veterinarians_are_cleared(at: Callable[[str], Database]) -> None:
    database = at("1750036733746")
    run(
        database,
        PEOPLE,
        """
        INSERT INTO appointments (pet_id, scheduled_at, veterinarian_id, duration)
        VALUES (1, '2025-01-01', 1, '45 minutes'), (1, '2025-01-02', 77, '1 hour 30 minutes'),
            (1, '2025-01-03', NULL, DEFAULT)""",
    )
    query = "SELECT veterinarian_id, {} FROM appointments ORDER BY id"

    minutes, intervals, again = there_and_back(
        database, "1750036733746", query.format("duration_minutes"), below=query.format("duration::text")
    )

    assert minutes == [(1, 45), (None, 90), (None, 30)]
    assert intervals == [(1, "00:45:00"), (None, "01:30:00"), (None, "00:30:00")]
    assert again == minutes


_MOMENT = "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
_TYPED = f"""
    SELECT 'user ' || id || ' ' || is_active || ' ' || {_MOMENT} FROM users
    UNION ALL SELECT 'fee ' || consultation_fee FROM veterinarians
    UNION ALL SELECT 'pet ' || id || ' ' || birth_date || ' ' || birth_date_estimated FROM pets
    UNION ALL SELECT concat_ws(' ', 'vaccine', vaccine, valid_days, expires_on) FROM vaccinations
    UNION ALL SELECT concat_ws(' ', 'notice', title, body, to_char(read_at AT TIME ZONE 'UTC', 'HH24:MI')) FROM notifications
    ORDER BY 1"""
_UNTYPED = """
    SELECT 'user ' || id || ' ' || is_active || ' ' || to_char(created_at, 'YYYY-MM-DD HH24:MI:SS.US') FROM users
    UNION ALL SELECT 'fee ' || consultation_fee FROM veterinarians
    UNION ALL SELECT 'pet ' || id || ' ' || age FROM pets
    UNION ALL SELECT concat_ws(' ', 'vaccine', vaccine, next_due_on) FROM vaccinations
    UNION ALL SELECT concat_ws(' ', 'notice', title, message, read) FROM notifications
    ORDER BY 1"""


def test_columns_of_the_first_release_get_their_types_and_lose_nothing(at: Callable[[str], Database]) -> None:
    database = at("1750038234648").with_parameters(options="-c TimeZone=Europe/Madrid")
    run(
        database,
        PEOPLE,
        "UPDATE users SET is_active = NULL, created_at = '2025-03-30 02:30' WHERE id = 1",
        "UPDATE users SET is_active = false, created_at = '2025-06-01 12:00:00.123456' WHERE id = 2",
        "UPDATE veterinarians SET consultation_fee = 45.55",
        "UPDATE pets SET age = 2, created_at = '2025-01-31' WHERE id = 1",
        "UPDATE pets SET birth_date = '2020-01-01', created_at = '2025-01-31' WHERE id = 2",
        "INSERT INTO vaccinations (pet_id, vaccine, administered_on, next_due_on) "
        "VALUES (1, 'FVRCP', '2024-02-29', '2025-03-01'), (2, 'DHPP', '2024-02-29', NULL)",
        "INSERT INTO notifications (user_id, title, message, read, updated_at) "
        "VALUES (1, 'a', 'x', true, '2025-01-01 10:00'), (1, 'b', NULL, false, now()), (1, 'c', NULL, NULL, now())",
    )

    typed, untyped, again = there_and_back(database, "1750038234648", _TYPED, below=_UNTYPED)

    assert [text for (text,) in typed] == [
        "fee 45.55",
        "notice a x 10:00",
        "notice b",
        "notice c",
        "pet 1 2023-01-31 true",
        "pet 2 2020-01-01 false",
        "user 1 true 2025-03-30 02:30:00.000000",
        "user 2 false 2025-06-01 12:00:00.123456",
        "vaccine DHPP",
        "vaccine FVRCP 366 2025-03-01",
    ]
    assert [text for (text,) in untyped] == [
        "fee 45.55",
        "notice a x t",
        "notice b f",
        "notice c f",
        "pet 1 2",
        "pet 2 5",
        "user 1 true 2025-03-30 02:30:00.000000",
        "user 2 false 2025-06-01 12:00:00.123456",
        "vaccine DHPP",
        "vaccine FVRCP 2025-03-01",
    ]
    assert again == typed


def test_medical_records_find_their_pet_or_register_it(at: Callable[[str], Database]) -> None:
    database = at("1750112631639")
    run(
        database,
        PEOPLE,
        "INSERT INTO pets (id, client_id, name, species) VALUES (3, 1, 'Rex', 'dog')",
        "INSERT INTO appointments (id, pet_id, scheduled_at) VALUES (1, 3, '2025-01-01'), (2, 1, '2025-01-02')",
        """
        INSERT INTO medical_records (client_id, pet_name, appointment_id, diagnosis)
        VALUES (1, 'Luna', NULL, 'by name'), (1, 'Rex', 1, 'by appointment'), (1, 'Rex', 2, 'another name than the appointment'),
            (1, ' luna', NULL, 'other spelling'), (1, 'Pipo', NULL, 'unknown'), (1, 'pipo ', NULL, 'unknown too')""",
    )

    found, named, again = there_and_back(
        database,
        "1750112631639",
        "SELECT diagnosis, pet_id, name, species FROM medical_records JOIN pets ON pets.id = pet_id ORDER BY medical_records.id",
        below="SELECT diagnosis, client_id, pet_name FROM medical_records ORDER BY id",
    )

    assert found == [
        ("by name", 1, "Luna", "cat"),
        ("by appointment", 3, "Rex", "dog"),
        ("another name than the appointment", 2, "Rex", "dog"),
        ("other spelling", 1, "Luna", "cat"),
        ("unknown", 11, "Pipo", "unknown"),
        ("unknown too", 11, "Pipo", "unknown"),
    ]
    assert named == [(diagnosis, 1, name) for diagnosis, _, name, _ in found]
    assert again == found


def test_diagnoses_of_models_move_to_their_table_and_back(at: Callable[[str], Database]) -> None:
    database = at("1750120000000")
    run(
        database,
        PEOPLE,
        """
        INSERT INTO medical_records (pet_id, diagnosis, ai_diagnosis)
        VALUES (1, 'a', E'Otitis: 90 %\\n"probably"'), (2, 'b', NULL), (2, 'c', '')""",
    )

    moved, texts, again = there_and_back(
        database,
        "1750120000000",
        "SELECT pet_id, medical_record_id, model_name, result FROM ai_diagnoses ORDER BY id",
        below="SELECT diagnosis, ai_diagnosis FROM medical_records ORDER BY id",
    )

    assert moved == [(1, 1, "unrecorded", {"summary": 'Otitis: 90 %\n"probably"'})]
    assert texts == [("a", 'Otitis: 90 %\n"probably"'), ("b", None), ("c", None)]
    assert again == moved


def test_answers_of_several_models_are_joined_on_the_way_down(at: Callable[[str], Database]) -> None:
    database = at("1750200000000")
    run(
        database,
        PEOPLE,
        "INSERT INTO medical_records (pet_id, diagnosis) VALUES (1, 'a')",
        """
        INSERT INTO ai_diagnoses (pet_id, medical_record_id, model_name, result)
        VALUES (1, 1, 'one', '{"summary": "Otitis"}'), (1, 1, 'two', '{"findings": []}'), (1, NULL, 'three', '{}')""",
    )
    downgrade(database, "1750112631639")

    assert rows(database, "SELECT ai_diagnosis FROM medical_records") == [('Otitis\n{"findings": []}',)]


def test_the_reason_of_a_cancellation_goes_to_the_notes(clinic: Database) -> None:
    run(
        clinic,
        PEOPLE,
        """
        INSERT INTO appointments (pet_id, scheduled_at, state, notes, cancellation_reason)
        VALUES (1, '2025-01-01', 'cancelled', 'Call back.', 'The client is ill.'), (1, '2025-01-02', 'cancelled', NULL, 'Snow.'),
            (1, '2025-01-03', 'pending', 'Hungry.', NULL)""",
    )
    downgrade(clinic, before(REVISIONS[-1]))

    assert rows(clinic, "SELECT notes FROM appointments ORDER BY id") == [
        ("Call back.\nCancelled: The client is ill.",),
        ("Cancelled: Snow.",),
        ("Hungry.",),
    ]
