"""Releases in order, and the revisions that wait for one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.revisions.history import read_history
from seachange.revisions.release import closed_gates, newest, parse
from seachange.revisions.validate import validate
from tests.project import Project

ORDERED = [
    "1.9",
    "2.0.0.dev1",
    "2.0a1",
    "2.0.0-alpha.2",
    "2.0b1",
    "2.0.0rc1",
    "2.0.0-rc.2",
    "2.0.0",
    "2.0.0.post1",
    "2.0.1",
    "2.10",
]
FILE = "migrations/accounts/z1_drop_legacy_name.py"


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(ORDERED)))
def test_releases_are_ordered_by_numbers_and_stage(earlier: str, later: str) -> None:
    one, two = parse(earlier), parse(later)

    assert one
    assert two
    assert one < two


@pytest.mark.parametrize("text", ["2.4", "2.4.0", "v2.4.0", "release-2.4", "Release/2.4.0", "2.4.0+build.7", " 2.4.0 "])
def test_a_release_is_the_same_however_it_is_written(text: str) -> None:
    assert parse(text) == parse("2.4.0")


@pytest.mark.parametrize("text", ["", "nightly", "2.x", "2..4", "2.4.0-final?", "2.4 and later", "a2.4"])
def test_what_is_no_release_is_none(text: str) -> None:
    assert parse(text) is None


def test_the_newest_of_tags_is_that_of_the_highest_release() -> None:
    assert newest(["v1.10.0", "nightly", "v1.9.3", "deploy-2026-01-01"]) == "v1.10.0"
    assert newest(["nightly"]) == newest([]) == ""


@pytest.fixture
def services(scenario: Callable[[str], Project]) -> Settings:
    return Settings(root=scenario("services").path)


@pytest.mark.parametrize(
    ("deployed", "closed"),
    [
        pytest.param("2.3.9", True, id="an earlier release"),
        pytest.param("v2.4.0rc1", True, id="a candidate"),
        pytest.param("2.4", False, id="the release"),
        pytest.param("3.0.0", False, id="a later release"),
        pytest.param("", True, id="nobody says"),
    ],
)
def test_a_gate_is_closed_until_the_release_is_deployed(services: Settings, *, deployed: str, closed: bool) -> None:
    gates = closed_gates(read_history(services).revisions, deployed=deployed)

    assert [gate.revision for gate in gates] == (["z1"] if closed else [])


def test_a_gate_says_which_release_is_missing(services: Settings) -> None:
    (gate,) = closed_gates(read_history(services).revisions, deployed="2.3.0")
    (unknown,) = closed_gates(read_history(services).revisions, deployed="")

    assert gate.sentence == "revision z1 (Drop the legacy name of accounts) requires release 2.4.0, and 2.3.0 is deployed"
    assert unknown.sentence.endswith("requires release 2.4.0, and nobody says which one is deployed")


@pytest.mark.parametrize(
    ("written", "code", "line"),
    [
        pytest.param('"two"', "unreadable-release", 8, id="no release"),
        pytest.param("2.4", "unreadable-release", 8, id="a number, which has no last zeros"),
        pytest.param("read_release()", "computed-header", 8, id="computed"),
    ],
)
def test_a_release_that_cannot_be_read_is_a_fault(services: Settings, written: str, code: str, line: int) -> None:
    path = Path(services.root / FILE)
    path.write_text(path.read_text().replace('"2.4.0"', written))

    found = [(finding.code, finding.file, finding.line) for finding in validate(read_history(services))]

    assert found == [(code, FILE, line)]


def test_a_release_stays_known_when_the_file_is_read_from_the_cache(services: Settings) -> None:
    first, second = read_history(services), read_history(services)

    assert first.by_id["z1"].requires_release == second.by_id["z1"].requires_release == "2.4.0"


def test_what_another_location_needs_comes_first(services: Settings) -> None:
    assert [revision.revision for revision in read_history(services).revisions] == ["a1", "a2", "b1", "m1", "z1"]
    assert [revision.revision for revision in read_history(services).ancestors(["b1"])] == ["a1", "b1"]
