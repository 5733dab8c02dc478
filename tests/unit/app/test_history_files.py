"""The revision files are those of the document, in its two locations and its order."""

from __future__ import annotations

import datetime

import pytest

from seachange import config
from seachange.revisions.history import History, read_history
from seachange.revisions.validate import validate
from tests.project import REPOSITORY

_DOCUMENT = (
    ("1749000000000", "InitialDatabaseSchema", "migrations/database"),
    ("1749000001000", "FixUserPhoneColumn", "migrations/database"),
    ("1749000002000", "AddMissingPetColumns", "migrations/database"),
    ("1749000003000", "FixAppointmentColumns", "migrations/database"),
    ("1749000004000", "AlignAppointmentStructure", "migrations/database"),
    ("1749000005000", "AddImageSupport", "migrations/database"),
    ("1750032503315", "UpdateAppointmentsTable", "migrations/versions"),
    ("1750033552868", "UpdateMedicalRecordsTable", "migrations/versions"),
    ("1750036733746", "FixAppointmentColumnsNew", "migrations/versions"),
    ("1750038234648", "FixDatabaseColumns", "migrations/versions"),
    ("1750112631639", "AddPetIdToMedicalRecords", "migrations/versions"),
    ("1750120000000", "CreateDiagnosisTable", "migrations/versions"),
    ("1750200000000", "ConsolidateSchema", "migrations/database"),
)


@pytest.fixture(scope="module")
def history() -> History:
    """The history of this repository."""
    return read_history(config.load(REPOSITORY, environ={}))


def test_the_revisions_are_those_of_the_document(history: History) -> None:
    assert tuple((one.revision, one.title, one.location) for one in history.revisions) == _DOCUMENT


def test_every_file_is_named_after_its_revision(history: History) -> None:
    assert [one.path.name for one in history.revisions] == [f"{number}-{name}.py" for number, name, _ in _DOCUMENT]


def test_every_revision_was_made_at_its_timestamp(history: History) -> None:
    assert [one.created for one in history.revisions] == [
        datetime.datetime.fromtimestamp(int(number) / 1000, datetime.UTC) for number, *_ in _DOCUMENT
    ]


def test_the_history_is_valid_and_every_revision_reversible(history: History) -> None:
    assert [finding for finding in validate(history) if finding.severity != "info"] == []
    assert all(one.reversible for one in history.revisions)
