"""The questions of a new revision: on a terminal, in a script, in a file."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.project import Project

_TYPING_S = 0.2
_PROMPTS = ("answer [1-", "SQL expression of the default: ")


@pytest.fixture
def renamed(scenario: Callable[[str], Project]) -> Project:
    """A project whose database is at head and whose models call a table and a column by another name."""
    project = scenario("renames")
    assert project.invoke("migration.apply").exit_code == 0
    models = project.path / "shelter_models.py"
    text = models.read_text().replace('"owners"', '"people"').replace("owners.id", "people.id")
    models.write_text(text.replace("full_name", "display_name"))
    return project


def revisions(project: Project) -> list[str]:
    return sorted(path.name for path in (project.path / "migrations" / "versions").glob("*.py"))


def on_terminal(project: Project, *arguments: str, typed: Iterator[str], timeout_s: float = 120) -> tuple[int, str]:
    """Run ``invoke`` on a terminal and type a line at each prompt."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project.path)
        os.execvpe("invoke", ["invoke", *arguments], {**project.environment, "TERM": "dumb", "NO_COLOR": "1"})
    shown, answered, deadline = "", 0, time.monotonic() + timeout_s
    try:
        while (left_s := deadline - time.monotonic()) > 0:
            if not select.select([terminal], [], [], left_s)[0]:
                break
            try:
                shown += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                break
            if sum(map(shown.count, _PROMPTS)) > answered:
                answered += 1
                # Nobody types faster: a Ctrl-C between the prompt and the read behind it would be noted, and the read go on.
                time.sleep(_TYPING_S)
                os.write(terminal, next(typed).encode())
    finally:
        if time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown


def test_on_a_terminal_each_question_is_asked_and_the_run_goes_on(renamed: Project) -> None:
    exit_code, shown = on_terminal(renamed, "migration.workflow", "--skip", "backup", typed=iter(["9\n", "1\n", "1\n"]))

    assert exit_code == 0, shown
    assert "table owners is gone from the models: was it renamed?" in shown
    assert "type a number from 1 to 2" in shown
    assert "1  renamed to people.display_name (VARCHAR(80)), its data stays" in shown
    assert revisions(renamed) == ["0001_create_the_shelter.py", "0002_rename_owners_to_people_and_1_more.py"]
    assert json.loads(renamed.invoke("migration.status", "--format", "json").stdout)["status"]["findings"] == []


@pytest.mark.parametrize(("typed", "code"), [pytest.param("\x03", 130, id="Ctrl-C"), pytest.param("\x04", 3, id="end of input")])
def test_a_question_that_is_not_answered_leaves_nothing_written(renamed: Project, typed: str, code: int) -> None:
    exit_code, shown = on_terminal(renamed, "migration.generate", typed=iter([typed]))

    assert (exit_code, revisions(renamed)) == (code, ["0001_create_the_shelter.py"]), shown


def test_in_a_script_the_workflow_stops_before_apply_and_prints_the_questions(renamed: Project) -> None:
    outcome = renamed.invoke("migration.workflow", "--format", "json")

    document = json.loads(outcome.stdout)
    assert (outcome.exit_code, document["schema"], document["task"]) == (3, "seachange.questions/1", "migration.workflow")
    assert [(asked["id"], asked["candidates"], asked["answer"]) for asked in document["questions"]] == [
        ("rename-table:owners", ["people"], None)
    ]
    assert revisions(renamed) == ["0001_create_the_shelter.py"]


def test_the_questions_with_their_answers_are_a_file_that_answers(renamed: Project) -> None:
    answers = renamed.path / "answers.json"
    for _ in range(2):
        arguments = ["--answers", str(answers)] if answers.exists() else []
        asked = json.loads(renamed.invoke("migration.generate", "--format", "json", *arguments).stdout)
        before = json.loads(answers.read_text())["questions"] if answers.exists() else []
        for question in asked["questions"]:
            question["answer"] = question["choices"][0]["answer"]
        answers.write_text(json.dumps({**asked, "questions": [*before, *asked["questions"]]}))

    outcome = renamed.invoke("migration.generate", "--answers", "answers.json")
    assert (outcome.exit_code, len(revisions(renamed))) == (0, 2), outcome

    assert renamed.invoke("migration.apply").exit_code == 0
    stale = renamed.invoke("migration.generate", "--answers", "answers.json")
    assert (stale.exit_code, "answers.json: rename-table:owners: this change has no question" in stale.stdout) == (1, True), stale


def test_flags_answer_and_a_dry_run_says_what_they_make(renamed: Project) -> None:
    flags = ["--rename", "owners=people", "--rename", "owners.full_name=display_name"]

    outcome = renamed.invoke("migration.generate", "--dry-run", *flags)

    assert outcome.exit_code == 0, outcome
    assert "rename column people.full_name to display_name" in outcome.stdout
    assert Path(renamed.path / "migrations" / "versions" / "0002_rename_owners_to_people_and_1_more.py").exists() is False


def test_text_lists_the_flags_that_answer(renamed: Project) -> None:
    outcome = renamed.invoke("migration.generate")

    assert (outcome.exit_code, "--rename owners=people: renamed to people, its data stays" in outcome.stdout) == (3, True)


def test_rows_without_a_value_are_asked_about_and_filled_by_what_is_typed(scenario: Callable[[str], Project]) -> None:
    project = scenario("renames")
    assert project.invoke("migration.apply").exit_code == 0
    seed = "insert into owners (full_name, state) values ('Ada', 'active')"
    assert project.invoke("db.psql", "--command", seed).exit_code == 0
    line = "    email: Mapped"
    project.replace("shelter_models.py", old=line, new=f"    phone: Mapped[str] = mapped_column(String(20))\n{line}")

    refused = project.invoke("migration.generate")
    exit_code, shown = on_terminal(project, "migration.workflow", "--skip", "backup", typed=iter(["1\n", "'none'\n"]))

    assert (refused.exit_code, '--default "owners.phone=EXPRESSION"' in refused.stdout) == (3, True), refused
    assert exit_code == 0, shown
    assert "none" in project.invoke("db.psql", "--command", "select phone from owners").stdout
