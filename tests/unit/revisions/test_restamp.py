"""New ids: timestamps move forward in their own form, numbers go on, other ids stay."""

from __future__ import annotations

import datetime

import pytest

from seachange.revisions._restamp import moment_of, next_id, restamp

NOW = datetime.datetime(2026, 5, 4, 3, 2, 1, 999_000, tzinfo=datetime.UTC)
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1700000000000-AddName.py", f"{NOW_MS}-AddName.py", id="milliseconds"),
        pytest.param("1700000000_add.py", f"{NOW_MS // 1000}_add.py", id="seconds"),
        pytest.param("2024_01_02_0304-ab12_add.py", "2026_05_04_0302-ab12_add.py", id="a date to the minute"),
        pytest.param("20240102030405_add.py", "20260504030201_add.py", id="a date to the second"),
        pytest.param("2024-01-02T03h04m05_add.py", "2026-05-04T03h02m01_add.py", id="a date with letters"),
        pytest.param("ab12_add.py", None, id="no timestamp"),
        pytest.param("17000000000001ab_add.py", None, id="digits of a hexadecimal id"),
    ],
)
def test_a_timestamp_moves_in_its_own_form(text: str, expected: str | None) -> None:
    assert restamp(text, NOW, after=0) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1700000000000", str(NOW_MS + 60_001), id="milliseconds"),
        pytest.param("1700000000", str((NOW_MS + 61_000) // 1000), id="seconds"),
        pytest.param("202401020304", "202605040304", id="a date to the minute"),
        pytest.param("20240102030405", "20260504030302", id="a date to the second"),
    ],
)
def test_a_timestamp_is_always_later_than_the_one_before(text: str, expected: str) -> None:
    assert restamp(text, NOW, after=NOW_MS + 60_000) == expected


@pytest.mark.parametrize(
    ("revision", "taken", "expected"),
    [
        pytest.param("1700000000000", ["1600000000000"], str(NOW_MS), id="a timestamp"),
        pytest.param("1700000000000", [str(NOW_MS), str(NOW_MS + 1)], str(NOW_MS + 2), id="a timestamp that is taken"),
        pytest.param("0005", ["0004", "0006"], "0007", id="a number"),
        pytest.param("0005", ["0004", "ab12"], "0005", id="a number among others"),
        pytest.param("ab12cd34ef56", ["0004"], "ab12cd34ef56", id="a random id"),
    ],
)
def test_an_id_goes_on_as_the_project_does(revision: str, taken: list[str], expected: str) -> None:
    assert next_id(revision, NOW, after=0, taken=taken) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(str(NOW_MS), NOW, id="milliseconds"),
        pytest.param("20260504030201", NOW.replace(microsecond=0), id="a date"),
        pytest.param("ab12", None, id="none"),
    ],
)
def test_the_time_of_an_id_is_read_back(text: str, expected: datetime.datetime | None) -> None:
    assert moment_of(text, clock=NOW) == expected
