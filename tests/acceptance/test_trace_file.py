"""migration.trace of plain files of SQL as its user runs it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest

from tests.project import REPOSITORY, Project


def test_the_page_shows_what_the_command_prints(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    shutil.copytree(REPOSITORY / "docs" / "why-trace", project.path / "docs" / "why-trace")
    page = (REPOSITORY / "docs" / "why-trace.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^\$ invoke (migration\.trace .*)\n((?:.*\n)*?)```$", page, re.MULTILINE)

    done = project.invoke(*shown[0].split())

    assert (done.exit_code, done.stderr) == (0, "")
    assert _steady(done.stdout) == _steady(shown[1])


def _steady(text: str) -> list[str]:
    """Return what does not change from one run, or one release of PostgreSQL, to the next."""
    return [re.sub(r"  [\d.]+ ms, WAL .*|(?<=^PostgreSQL 18).*", "", line) for line in text.strip().splitlines()]


def test_a_file_that_fails_is_traced_up_to_there(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    (project.path / "release.sql").write_text("create table t ();\nalter table clients add c int;\n", encoding="utf-8")

    done = project.invoke("migration.trace", "--sql", "release.sql", "--empty")

    assert done.exit_code == 2
    assert 'error: release.sql:2: relation "clients" does not exist [SQLSTATE 42P01]' in done.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(["--empty"], "error: --empty and --setup go with --sql", id="no file"),
        pytest.param(["--sql", "release.sql", "--to", "0001"], "error: --sql and --to contradict each other", id="a part"),
        pytest.param(
            ["--sql", "release.sql", "--empty", "--from", "0001"],
            "error: --from and an empty database contradict each other",
            id="two beginnings",
        ),
        pytest.param(["--sql", "release.sql", "--empty"], "error: cannot read release.sql: No such file", id="no such file"),
        pytest.param(
            ["--sql", "tasks.py", "--setup", "setup.sql"],
            'error: setup.sql:2: table "nothing" does not exist [SQLSTATE 42P01]',
            id="a setup that fails",
        ),
    ],
)
def test_what_makes_no_sense_is_said(scenario: Callable[[str], Project], flags: list[str], message: str) -> None:
    project = scenario("linear")
    (project.path / "setup.sql").write_text("create table t ();\ndrop table nothing;\n", encoding="utf-8")

    done = project.invoke("migration.trace", *flags)

    assert message in done.stderr
    assert done.exit_code != 0
    assert "Traceback" not in done.stderr
