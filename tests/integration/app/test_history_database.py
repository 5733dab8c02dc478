"""What the revisions of migrations/database do to the rows that they meet, up and down."""

from __future__ import annotations

from collections.abc import Callable

from seachange.postgres.connection import Database
from tests.integration.app._history import PEOPLE, downgrade, rows, run, there_and_back


def test_telephone_numbers_become_texts_and_numbers_again(at: Callable[[str], Database]) -> None:
    database = at("1749000001000")
    run(
        database,
        """
        INSERT INTO users (email, password_hash, first_name, last_name, phone_number)
        VALUES ('a@b', '!', '', '', 34600123456), ('c@d', '!', '', '', 999999999999999), ('e@f', '!', '', '', 7),
            ('g@h', '!', '', '', NULL)""",
    )
    query = "SELECT {} FROM users ORDER BY id"

    texts, numbers, again = there_and_back(database, "1749000001000", query.format("phone"), below=query.format("phone_number"))

    assert texts == [("+34600123456",), ("+999999999999999",), ("+7",), (None,)]
    assert numbers == [(34600123456,), (999999999999999,), (7,), (None,)]
    assert again == texts


def test_birth_dates_are_worked_out_from_ages_and_ages_from_birth_dates(at: Callable[[str], Database]) -> None:
    database = at("1749000002000")
    run(
        database,
        PEOPLE,
        "UPDATE pets SET age = 3, created_at = '2024-02-29 10:00' WHERE id = 1",
        "INSERT INTO pets (id, client_id, name, species, age, created_at) VALUES (3, 1, 'Matusalén', 'turtle', 0, '2024-05-01')",
    )
    query = "SELECT id, birth_date::text, birth_date_estimated, age FROM pets ORDER BY id"

    born, ages, again = there_and_back(database, "1749000002000", query, below="SELECT id, age FROM pets ORDER BY id")

    assert born == [(1, "2021-02-28", True, 3), (2, None, False, None), (3, "2024-05-01", True, 0)]
    assert ages == [(1, 3), (2, None), (3, 0)]
    assert again == born


def test_a_birth_date_entered_later_comes_down_as_an_age(at: Callable[[str], Database]) -> None:
    database = at("1749000003000")
    run(
        database,
        PEOPLE,
        "UPDATE pets SET created_at = '2024-06-01', birth_date = '2019-07-01' WHERE id = 1",
        "UPDATE pets SET created_at = '2024-06-01', birth_date = '2025-01-01' WHERE id = 2",
    )
    downgrade(database, "1749000001000")

    assert rows(database, "SELECT id, age FROM pets ORDER BY id") == [(1, 4), (2, None)]


def test_dates_and_times_written_as_texts_are_read(at: Callable[[str], Database]) -> None:
    database = at("1749000003000")
    run(
        database,
        PEOPLE,
        """
        INSERT INTO appointments (pet_id, date, time)
        VALUES (1, '2025-06-30', '09:05'), (1, '01/07/2025', '9:05'),
            (2, '2025-06-30', '17:45:30'), (2, '2024-02-29', '00:00')""",
    )
    query = "SELECT {} FROM appointments ORDER BY id"

    values, texts, again = there_and_back(
        database,
        "1749000003000",
        query.format("appointment_date::text, appointment_time::text"),
        below=query.format("date, time"),
    )

    assert values == [
        ("2025-06-30", "09:05:00"),
        ("2025-07-01", "09:05:00"),
        ("2025-06-30", "17:45:30"),
        ("2024-02-29", "00:00:00"),
    ]
    assert texts == [("2025-06-30", "09:05"), ("2025-07-01", "09:05"), ("2025-06-30", "17:45:30"), ("2024-02-29", "00:00")]
    assert again == values


def test_date_and_time_become_one_moment_whatever_the_time_zone_of_the_session(at: Callable[[str], Database]) -> None:
    database = at("1749000004000").with_parameters(options="-c TimeZone=America/New_York")
    run(
        database,
        PEOPLE,
        """
        INSERT INTO appointments (pet_id, vet_id, appointment_date, appointment_time)
        VALUES (1, 1, '2025-06-30', '09:05'), (2, 77, '2025-03-09', '02:30')""",
    )

    moments, parts, again = there_and_back(
        database,
        "1749000004000",
        "SELECT veterinarian_id, (scheduled_at AT TIME ZONE 'UTC')::text, duration::text FROM appointments ORDER BY id",
        below="SELECT vet_id, appointment_date::text, appointment_time::text FROM appointments ORDER BY id",
    )

    assert moments == [(1, "2025-06-30 09:05:00", "00:30:00"), (77, "2025-03-09 02:30:00", "00:30:00")]
    assert parts == [(1, "2025-06-30", "09:05:00"), (77, "2025-03-09", "02:30:00")]
    assert again == moments


def test_photos_become_attachments_and_photos_again(at: Callable[[str], Database]) -> None:
    database = at("1749000005000")
    run(
        database,
        PEOPLE,
        "INSERT INTO pets (id, client_id, name, species) VALUES (3, 1, 'Coco', 'bird')",
        "UPDATE pets SET photo_url = 'https://photos.example/2025/luna.JPG' WHERE id = 1",
        "UPDATE pets SET photo_url = 'https://photos.example/album/' WHERE id = 2",
    )

    attached, urls, again = there_and_back(
        database,
        "1749000005000",
        "SELECT pet_id, kind, storage_key, file_name, content_type FROM attachments ORDER BY pet_id",
        below="SELECT id, photo_url FROM pets ORDER BY id",
    )

    assert attached == [
        (1, "photo", "https://photos.example/2025/luna.JPG", "luna.JPG", "image/jpeg"),
        (2, "photo", "https://photos.example/album/", "photo", "application/octet-stream"),
    ]
    assert urls == [(1, "https://photos.example/2025/luna.JPG"), (2, "https://photos.example/album/"), (3, None)]
    assert again == attached


def test_only_the_first_photo_of_a_pet_goes_down(at: Callable[[str], Database]) -> None:
    database = at("1750032503315")
    run(
        database,
        PEOPLE,
        """
        INSERT INTO attachments (pet_id, kind, storage_key, file_name)
        VALUES (1, 'x_ray', 'a', 'a'), (1, 'photo', 'b', 'b'), (1, 'photo', 'c', 'c')""",
    )
    downgrade(database, "1749000004000")

    assert rows(database, "SELECT id, photo_url FROM pets ORDER BY id") == [(1, "b"), (2, None)]
