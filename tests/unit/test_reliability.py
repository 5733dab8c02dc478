"""docs/reliability.md tells every fault that is tested, as it is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.document import row
from tests.faults.fault import collection, normalised
from tests.project import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")
# Rows of the catalogue of faults that backup tools are known by.
CATALOGUE = range(1, 32)


def test_every_fault_is_in_the_document_with_what_has_to_follow() -> None:
    assert [one.name for one in collection() if row(one) not in DOCUMENT] == []


def test_the_document_tells_no_fault_that_is_not_tested() -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| ") and not line.startswith("| fault ")]

    assert len(rows) == len(collection())


def test_the_document_says_how_it_is_made() -> None:
    assert "`scripts/dev scripts/faults`" in DOCUMENT


def test_every_row_of_the_catalogue_has_its_test() -> None:
    assert set(CATALOGUE) - {number for one in collection() for number in one.rows} == set()


def test_each_fault_has_a_name_of_its_own() -> None:
    names = [one.name for one in collection()]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("/tmp/t/p/backups/.partial-12-0123abcd is left", "p/backups/.partial-* is left", id="a folder under way"),
        pytest.param("pid 123 holds it since 12:30:01", "pid N holds it since TIME", id="a session"),
        pytest.param("test_0123456789ab_restored_20250601_120000", "clinic_restored_DATE", id="a database"),
        pytest.param("made no progress for 3 s, 2.0 MB left", "made no progress for N s, N MB left", id="numbers with units"),
    ],
)
def test_what_was_seen_does_not_depend_on_the_run(text: str, expected: str) -> None:
    assert normalised(text, folder=Path("/tmp/t")) == expected
