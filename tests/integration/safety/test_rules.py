"""Each rule on a history of its own: exactly what is said of the last revision, by all rules that are on by default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.postgres.server import Server
from seachange.safety.rules import load_rules
from seachange.testing.fixtures import fresh_database
from tests.integration.safety.rule_scenarios import FOLDER, Scenario, found_in, scenarios

# Rules whose check has no history of its own, and why.
_ELSEWHERE = {
    "SC002": "no server is known that contradicts itself",
    "SC516": "it looks at the transactions of a real server: tests/unit/safety/rules/test_real_server.py",
    "SC1112": "it looks at the publications of a real server: tests/unit/safety/rules/test_real_server.py",
}


@pytest.mark.parametrize(
    ("scenario", "major"),
    [
        pytest.param(scenario, major, id=f"{scenario.name}{f'-pg{major}' if major else ''}")
        for scenario in scenarios()
        for major in scenario.majors
    ],
)
def test_exactly_what_is_expected_is_said(
    scenario: Scenario, major: int, server_of: Callable[[int], Server], tmp_path: Path
) -> None:
    with fresh_database(server_of(major)) as database:
        found = found_in(scenario, tmp_path / "project", database)

    assert scenario.written(found) == scenario.text


def test_every_rule_that_has_a_check_has_a_scenario_in_which_it_speaks() -> None:
    silent = [name for name, known in load_rules().items() if known.check and name not in _ELSEWHERE and not _speaks(name)]

    assert silent == []


def _speaks(name: str) -> bool:
    path = FOLDER / name / "expected.txt"
    return path.exists() and any(line.startswith(f"{name} ") for line in path.read_text(encoding="utf-8").splitlines())
