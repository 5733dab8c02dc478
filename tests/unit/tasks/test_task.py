"""The boundary between Invoke and Seachange, and every task as Invoke sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.program import Program
from invoke.tasks import Task

from seachange.errors import LockNotAcquiredError
from seachange.tasks import Face, ns, task

READ_ONLY = {
    "check.dist",
    "db.backups",
    "db.integrity",
    "db.psql",
    "db.stats",
    "db.tables",
    "db.targets",
    "db.url",
    "migration.check",
    "migration.history",
    "migration.heads",
    "migration.lint",
    "migration.log",
    "migration.plan",
    "migration.show",
    "migration.status",
    "migration.trace",
    "migration.validate",
}

SEEDS = {
    "migration.workflow",
    "migration.generate",
    "migration.apply",
    "migration.run",
    "migration.revert",
    "migration.reset",
    "migration.status",
    "migration.show",
    "migration.validate",
    "migration.check",
    "db.generate",
    "db.dev",
    "db.backup",
    "clean.unnecessary-dist",
    "check.dist",
    "build",
    "start.prod",
    "start.deploy",
    "db.tables",
    "migration.log",
}


def all_tasks(collection: Collection, prefix: str = "") -> Iterator[tuple[str, Task[Any]]]:
    for name, one in collection.tasks.items():
        yield prefix + name, one
    for name, inner in collection.collections.items():
        yield from all_tasks(inner, f"{prefix}{name}.")


TASKS = dict(all_tasks(ns))

# Invoke uses up the help texts when it is asked for the arguments, so it is asked once.
ARGUMENTS = {name: one.get_arguments() for name, one in TASKS.items()}


@task(changes=True)
def locked(face: Face, *, lock: int = 42) -> None:
    """Hold a lock that somebody else holds."""
    if face.dry_run:
        face.answer([f"would take lock {lock}"], {"lock": lock})
        return
    raise LockNotAcquiredError(f"lock {lock} is held by pid 7", hint="run it again")


@task()
def look(face: Face) -> None:
    """Look."""
    face.answer(["looked"], {"dry_run": face.dry_run})


PROGRAM = Program(namespace=Collection(locked, look), name="unit", binary="unit", version="0")


def run(arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    try:
        PROGRAM.run(["unit", *arguments.split()])
        code = 0
    except SystemExit as exc:
        code = int(exc.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_every_command_of_the_seeds_has_its_task() -> None:
    names = set(TASKS) | {f"{name.rpartition('.')[0]}.{alias}" for name, one in TASKS.items() for alias in one.aliases}

    assert names >= SEEDS


@pytest.mark.parametrize("name", sorted(set(TASKS) - READ_ONLY))
def test_every_task_that_changes_something_has_a_dry_run(name: str) -> None:
    assert "dry-run" in {argument.names[0] for argument in ARGUMENTS[name]}


@pytest.mark.parametrize("name", sorted(READ_ONLY))
def test_a_task_that_only_looks_has_no_dry_run(name: str) -> None:
    assert "dry-run" not in {argument.names[0] for argument in ARGUMENTS[name]}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_has_a_short_first_line_and_help_for_each_flag(name: str) -> None:
    arguments = ARGUMENTS[name]

    assert len((TASKS[name].__doc__ or "").splitlines()[0]) <= 72
    assert [argument.names[0] for argument in arguments if not argument.help] == []
    assert [argument.names[0] for argument in arguments if argument.positional] == []


@pytest.mark.parametrize("name", sorted(TASKS))
def test_no_flag_has_a_short_form_that_another_parameter_could_steal(name: str) -> None:
    assert [argument.names for argument in ARGUMENTS[name] if len(argument.names) > 1] == []


def test_an_error_becomes_one_message_one_hint_and_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("locked", capsys) == (6, "", "error: lock 42 is held by pid 7\nhint: run it again\n")


def test_an_error_in_json_is_one_versioned_document(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run("locked --format json", capsys)

    error = {"type": "LockNotAcquiredError", "message": "lock 42 is held by pid 7", "hint": "run it again", "exit_code": 6}
    assert (code, json.loads(out)) == (6, {"schema": "seachange.error/1", "task": "test-task.locked", "error": error})
    assert err == "error: lock 42 is held by pid 7\nhint: run it again\n"


@pytest.mark.parametrize(
    "arguments",
    [pytest.param("--dry locked", id="invoke --dry"), pytest.param("locked --dry-run", id="--dry-run")],
)
def test_a_dry_run_is_honoured_in_both_spellings(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments, capsys) == (0, "would take lock 42\n", "")


def test_a_task_that_only_looks_runs_as_usual_under_dry(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dry look --format json", capsys) == (
        0,
        '{\n  "schema": "seachange.test-task.look/1",\n  "dry_run": false\n}\n',
        "",
    )


def test_an_unknown_format_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("look --format yaml", capsys) == (1, "", "error: --format: 'yaml' is not one of text, json\n")


def test_settings_of_invoke_are_one_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.seachange]\nlock_timeout = "3s"\n')
    monkeypatch.chdir(tmp_path)

    @task()
    def show(face: Face) -> None:
        """Show."""
        face.answer([str(face.settings.lock_timeout)], {})

    namespace = Collection(show)
    namespace.configure({"seachange": {"lock_timeout": "4s"}})
    Program(namespace=namespace, binary="unit").run(["unit", "show"], exit=False)

    assert capsys.readouterr().out == "4000\n"
