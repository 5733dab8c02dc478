"""`seachange init` in projects that know nothing of Seachange, and the way on from there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project import REPOSITORY, Project

NEW = {"tasks.py", "noxfile.py", "pyproject.toml"}
TASKS = "from invoke import Collection\nfrom seachange.tasks import db, migration\n\nns = Collection(db, migration)\n"


@pytest.fixture
def adopted(scenario: Callable[[str], Project]) -> Project:
    """An unmodified Alembic project: alembic.ini, hexadecimal ids, two locations, read with all their folders."""
    return scenario("adopted")


def tree(project: Project) -> dict[str, bytes]:
    files = (path for path in project.path.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(project.path).as_posix(): path.read_bytes() for path in files}


def test_three_files_are_written_and_nothing_else_is_touched(adopted: Project) -> None:
    before = tree(adopted)

    dry = adopted.run("seachange", "init", "--dry-run")
    after_dry = tree(adopted)
    done = adopted.run("seachange", "init")
    after = tree(adopted)
    again = adopted.run("seachange", "init")

    assert (dry.exit_code, after_dry) == (0, before), dry
    assert "+ns = Collection(db, migration)" in dry.stdout
    assert done.exit_code == 0, done
    assert {name: content for name, content in after.items() if name not in NEW} == before
    assert set(after) - set(before) == NEW
    assert after["tasks.py"].decode() == TASKS
    assert after["pyproject.toml"].decode() == '[tool.seachange]\nmodels = "shop.models:Base"\n'
    assert tree(adopted) == after
    assert (again.exit_code, again.stdout.splitlines()[-1]) == (0, "ok: nothing to do: Seachange is here already")


def test_it_shows_what_it_found(adopted: Project) -> None:
    outcome = adopted.run("seachange", "init", "--dry-run")

    advice = "sqlalchemy.url of the ini file; Seachange takes it from DATABASE_URL, in the environment or in .env"
    assert outcome.stdout.splitlines()[:8] == [
        f"project    {adopted.path}",
        "Alembic    alembic.ini",
        "locations  db/versions, db/reports",
        "history    5 revisions, head: e15d7a3b8c62",
        "validate   0 errors, 1 warning: `seachange migration.validate` lists them",
        "db/env.py  sync; reads SHOP_DATABASE",
        "models     shop.models:Base",
        f"database   postgresql://shop@db.internal/shop ({advice})",
    ]
    assert "s3cret" not in outcome.stdout + outcome.stderr


def test_the_answer_is_a_document_too(adopted: Project) -> None:
    outcome = adopted.run("seachange", "init", "--format", "json", env={"DATABASE_URL": "postgresql://u:s3cret@h/d"})

    document = json.loads(outcome.stdout)
    assert document["schema"] == "seachange.init/1"
    assert document["found"]["heads"] == ["e15d7a3b8c62"]
    assert document["found"]["database"] == "postgresql://u@h/d (DATABASE_URL)"
    assert [(one["file"], one["action"]) for one in document["files"]] == [
        ("tasks.py", "write"),
        ("noxfile.py", "write"),
        ("pyproject.toml", "write"),
    ]
    assert "s3cret" not in outcome.stdout + outcome.stderr


def test_the_commands_work_afterwards(adopted: Project) -> None:
    assert adopted.run("seachange", "init").exit_code == 0

    listed = adopted.invoke("--list")
    sessions = adopted.run("nox", "--list")
    valid = adopted.invoke("migration.validate")
    applied = adopted.invoke("migration.apply")
    status = adopted.invoke("migration.status", "--format", "json")

    assert "migration.workflow" in listed.stdout, listed
    assert "migrations(pg18)" in sessions.stdout, sessions
    assert valid.exit_code == 0, valid
    assert applied.exit_code == 0, applied
    found = json.loads(status.stdout)["status"]
    assert (found["applied"], found["pending"], found["current"]) == (5, [], ["e15d7a3b8c62"])
    assert [finding for finding in found["findings"] if finding["severity"] == "error"] == [], status


def test_tasks_of_the_teams_own_are_not_touched_without_a_yes(adopted: Project) -> None:
    own = "from invoke import task\n\n\n@task\ndef hello(c):\n    print('hello')\n"
    (adopted.path / "tasks.py").write_text(own)
    before = tree(adopted)

    refused = adopted.run("seachange", "init")
    unchanged = tree(adopted)
    accepted = adopted.run("seachange", "init", "--yes")
    hello = adopted.invoke("hello")
    listed = adopted.invoke("--list")

    assert refused.exit_code == 3, refused
    assert unchanged == before
    assert "+ns = Collection(hello, db, migration)" in refused.stderr
    assert "error: tasks.py is there already; the lines above would be added at the end, and nothing is written" in refused.stderr
    assert "hint: pass --yes" in refused.stderr
    assert accepted.exit_code == 0, accepted
    assert (adopted.path / "tasks.py").read_text().startswith(own)
    assert hello.stdout == "hello\n"
    assert "migration.status" in listed.stdout


def test_the_rest_of_pyproject_stays_byte_for_byte(adopted: Project) -> None:
    before = b'# ours\r\n[project]\r\nname = "shop"   # odd\r\nversion = "1"\r\n\r\n[tool.ruff]\r\nline-length=100'
    (adopted.path / "pyproject.toml").write_bytes(before)

    outcome = adopted.run("seachange", "init")

    assert outcome.exit_code == 0, outcome
    after = (adopted.path / "pyproject.toml").read_bytes()
    assert after == before + b'\r\n\r\n[tool.seachange]\r\nmodels = "shop.models:Base"\r\n'


def test_an_ini_file_in_a_folder_below_is_found_and_written_down(adopted: Project, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    shutil.copytree(adopted.path, outer / "backend")
    project = Project(path=outer)

    outcome = project.run("seachange", "init")
    valid = project.run("seachange", "migration.validate")

    assert outcome.exit_code == 0, outcome
    assert (outer / "pyproject.toml").read_text().splitlines()[1] == 'alembic_ini = "backend/alembic.ini"'
    assert valid.exit_code == 0, valid
    assert "5 revisions in 2 locations" in valid.stdout


def test_models_that_env_py_completes_by_further_imports_are_left_to_it(adopted: Project) -> None:
    (adopted.path / "shop" / "more.py").write_text("")
    adopted.replace(
        "db/env.py", old="from shop.models import Base\n", new="from shop.models import Base\nfrom shop import more\n"
    )

    outcome = adopted.run("seachange", "init")

    assert "models     target_metadata of env.py: shop.models:Base, with the tables of shop.more" in outcome.stdout
    written = (adopted.path / "pyproject.toml").read_text()
    assert written == "[tool.seachange]\n# models: target_metadata of db/env.py, which imports shop.more for their tables\n"
    assert adopted.invoke("migration.validate").exit_code == 0


@pytest.mark.parametrize("template", ["generic", "async", "multidb", "pyproject", "pyproject_async"])
def test_a_project_that_alembic_has_just_begun_is_taken(tmp_path: Path, template: str) -> None:
    project = Project(path=tmp_path)
    assert project.run("alembic", "init", "--template", template, "migrations").exit_code == 0

    outcome = project.run("seachange", "init")
    valid = project.run("seachange", "migration.validate")

    kinds = {"async": "async", "pyproject_async": "async", "multidb": "sync, several databases (engine1, engine2)"}
    assert outcome.exit_code == 0, outcome
    assert f"migrations/env.py  {kinds.get(template, 'sync')}\n" in outcome.stdout
    assert "history            0 revisions, heads: none" in outcome.stdout
    assert valid.exit_code == 0, valid


def test_a_folder_without_alembic_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    outcome = Project(path=tmp_path).run("seachange", "init")

    assert outcome.exit_code == 1, outcome
    assert outcome.stderr.splitlines() == [
        f"error: there is no Alembic project here: from {tmp_path} upwards and below it is no alembic.ini and no [tool.alembic]",
        "hint: run it in the project, or begin one: `alembic init migrations`, then this command again",
    ]
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_several_projects_below_are_not_chosen_from(adopted: Project, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    for name in ("one", "two"):
        shutil.copytree(adopted.path, outer / name)

    outcome = Project(path=outer).run("seachange", "init")

    assert outcome.exit_code == 1, outcome
    assert "there are 2 files alembic.ini" in outcome.stderr
    assert "one/alembic.ini, two/alembic.ini" in outcome.stderr


def test_the_help_begins_with_what_seachange_is_for(tmp_path: Path) -> None:
    project = Project(path=tmp_path)

    bare, of_init = project.run("seachange", "--help"), project.run("seachange", "init", "--help")

    assert bare.stdout.splitlines()[0] == (
        "Seachange takes a PostgreSQL schema change from an edited model to live, proven and reversible."
    )
    assert "seachange init" in bare.stdout
    assert (of_init.exit_code, "three files, nothing else" in of_init.stdout) == (0, True), of_init


def test_this_repository_is_there_already() -> None:
    outcome = Project(path=REPOSITORY).run("seachange", "init", "--dry-run")

    assert outcome.stdout.splitlines()[-1] == "ok: nothing to do: Seachange is here already"
