"""Tests of a project's history; a test module takes them with ``from seachange.testing.tests import *``.

They need the fixtures of :mod:`seachange.testing.fixtures`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seachange.config import Settings
from seachange.plan import Finding
from seachange.postgres.connection import Database
from seachange.revisions.history import History, read_history
from seachange.revisions.validate import validate
from seachange.testing._subject import Subject, differences_between

__all__ = [
    "seachange_history",
    "seachange_subject",
    "test_every_revision_goes_up_down_and_up_again",
    "test_the_history_has_a_single_head",
    "test_the_history_is_valid",
    "test_the_models_equal_the_database_at_head",
    "test_upgrading_an_empty_database_reaches_the_head",
]


@pytest.fixture(scope="session")
def seachange_history(seachange_settings: Settings) -> History:
    """The revisions of the project."""
    return read_history(seachange_settings)


@pytest.fixture
def seachange_subject(
    seachange_settings: Settings, seachange_history: History, seachange_database: Database
) -> Iterator[Subject]:
    """The history and an empty database; DATABASE_URL names that database too, for an env.py that looks there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", seachange_database.url())
        yield Subject(settings=seachange_settings, database=seachange_database, history=seachange_history)


def test_the_history_is_valid(seachange_history: History) -> None:
    """Order, links, duplicates and syntax of the files; needs no server."""
    assert _sentences(finding for finding in validate(seachange_history) if finding.severity == "error") == []


def test_the_history_has_a_single_head(seachange_history: History) -> None:
    """Two heads make `upgrade head` fail; needs no server."""
    assert list(seachange_history.heads) == list(seachange_history.heads)[:1]


def test_upgrading_an_empty_database_reaches_the_head(seachange_subject: Subject) -> None:
    """Every revision runs, in order, from nothing."""
    ran = seachange_subject.up()

    assert list(ran) == [revision.revision for revision in seachange_subject.history.revisions]


def test_every_revision_goes_up_down_and_up_again(seachange_subject: Subject) -> None:
    """Each downgrade undoes its upgrade, and the schema at head does not depend on the way there."""
    empty = seachange_subject.catalog()
    seachange_subject.up()
    head = seachange_subject.catalog()
    floor = seachange_subject.floor()
    seachange_subject.down(floor)
    below = seachange_subject.catalog()
    seachange_subject.up()

    if floor == "base":
        assert _sentences(differences_between(empty, below, code="left-behind")) == []
    assert _sentences(differences_between(head, seachange_subject.catalog(), code="not-repeatable")) == []


def test_the_models_equal_the_database_at_head(seachange_subject: Subject) -> None:
    """No revision is missing for what the models declare."""
    seachange_subject.up()

    assert _sentences(seachange_subject.model_differences()) == []


def _sentences(findings: Iterator[Finding] | tuple[Finding, ...]) -> list[str]:
    return [f"{finding.where}: {finding.message}" if finding.where else finding.message for finding in findings]
