"""The three files of `seachange init`: written, appended to, extended, or left alone, every byte of others as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from seachange.errors import ConfigError
from seachange.workflow._adoption import Proposal, propose_noxfile, propose_pyproject, propose_tasks

LINES = ('models = "shop.models:Base"',)
TABLE = '[tool.seachange]\nmodels = "shop.models:Base"\n'

TASKS = "from invoke import Collection\nfrom seachange.tasks import db, migration\n\nns = Collection(db, migration)\n"


def after(proposal: Proposal) -> str:
    assert proposal.change is not None
    return proposal.change.after.decode()


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(b"", TABLE, id="an empty file"),
        pytest.param(b'[project]\nname = "x"\n', f'[project]\nname = "x"\n\n{TABLE}', id="other tables"),
        pytest.param(b"# end", f"# end\n\n{TABLE}", id="no line end"),
        pytest.param(b"[a]\r\n", "[a]\r\n\r\n" + TABLE.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param("[a]\nb = 'für'\n".encode(), f"[a]\nb = 'für'\n\n{TABLE}", id="letters of other alphabets"),
        pytest.param(b"[tool.ruff]\n[[tool.x]]\n", f"[tool.ruff]\n[[tool.x]]\n\n{TABLE}", id="tables of other tools"),
    ],
)
def test_the_table_goes_to_the_end_of_pyproject(tmp_path: Path, before: bytes, expected: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(before)

    proposal = propose_pyproject(tmp_path, LINES)

    assert (proposal.action, after(proposal)) == ("append", expected)


def test_pyproject_is_written_where_there_is_none(tmp_path: Path) -> None:
    proposal = propose_pyproject(tmp_path, ())

    assert (proposal.action, after(proposal)) == ("write", "[tool.seachange]\n")


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("[tool.seachange]\n", id="empty"),
        pytest.param("[tool]\nseachange = {models = 'a:b'}\n", id="inline"),
        pytest.param("tool.seachange.models = 'a:b'\n", id="dotted"),
    ],
)
def test_a_table_that_is_there_stays(tmp_path: Path, before: str) -> None:
    (tmp_path / "pyproject.toml").write_text(before)

    proposal = propose_pyproject(tmp_path, LINES)

    assert (proposal.action, proposal.change, proposal.note) == ("keep", None, "has [tool.seachange] already")


@pytest.mark.parametrize(
    "before", [pytest.param("[tool", id="no TOML"), pytest.param("tool = {ruff = {}}\n", id="an inline table of tools")]
)
def test_a_pyproject_that_takes_no_table_is_an_error(tmp_path: Path, before: str) -> None:
    (tmp_path / "pyproject.toml").write_text(before)

    with pytest.raises(ConfigError, match=r"pyproject\.toml cannot be read"):
        propose_pyproject(tmp_path, LINES)


def test_tasks_are_three_lines(tmp_path: Path) -> None:
    proposal = propose_tasks(tmp_path)

    assert (proposal.file, proposal.action, after(proposal)) == ("tasks.py", "write", TASKS)


PLAIN = """import invoke
from invoke import task


@task
def one(c): ...


@invoke.task(default=True)
def two(c): ...


def no(): ...
"""


@pytest.mark.parametrize(
    ("before", "added"),
    [
        pytest.param(
            PLAIN,
            TASKS.replace("(db", "(one, two, db"),
            id="tasks without a collection",
        ),
        pytest.param(
            "from invoke import Collection\nns = Collection()\n",
            "from seachange.tasks import db, migration\n\nns.add_collection(db)\nns.add_collection(migration)\n",
            id="a collection",
        ),
        pytest.param(
            "from invoke import Collection\nnamespace: Collection = Collection()\n",
            "from seachange.tasks import db, migration\n\nnamespace.add_collection(db)\nnamespace.add_collection(migration)\n",
            id="a collection by its other name",
        ),
    ],
)
@pytest.mark.parametrize("name", ["tasks.py", "tasks/__init__.py"])
def test_tasks_of_the_teams_own_are_extended(tmp_path: Path, before: str, added: str, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(before)

    proposal = propose_tasks(tmp_path)

    assert (proposal.file, proposal.action, after(proposal)) == (name, "extend", f"{before}\n{added}")


@pytest.mark.parametrize(
    ("before", "note"),
    [
        pytest.param("from seachange.tasks import ns\n", "has Seachange's tasks already", id="Seachange's"),
        pytest.param("import seachange.tasks\n", "has Seachange's tasks already", id="Seachange's module"),
        pytest.param("def db(c): ...\n", "has db of its own: `seachange NAME` works all the same", id="a name that is taken"),
    ],
)
def test_tasks_are_left_alone(tmp_path: Path, before: str, note: str) -> None:
    (tmp_path / "tasks.py").write_text(before)

    proposal = propose_tasks(tmp_path)

    assert (proposal.action, proposal.change) == ("keep", None)
    assert proposal.note.startswith(note)


def test_tasks_that_do_not_compile_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("def (")

    with pytest.raises(ConfigError, match=r"tasks\.py does not compile"):
        propose_tasks(tmp_path)


@pytest.mark.parametrize(
    ("files", "install"),
    [
        pytest.param({"pyproject.toml": "[project]\n"}, '"-e", ".", ', id="a project"),
        pytest.param({"setup.py": ""}, '"-e", ".", ', id="setup.py"),
        pytest.param({"pyproject.toml": "[tool.x]\n", "requirements.txt": ""}, '"-r", "requirements.txt", ', id="requirements"),
        pytest.param({}, "", id="neither"),
    ],
)
def test_the_sessions_install_what_the_project_says(tmp_path: Path, files: dict[str, str], install: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    call = f'sessions.migration_sessions(install=({install}"seachange[embedded]", "psycopg[binary]"), skip_missing=True)\n'
    assert after(propose_noxfile(tmp_path)).endswith(call)


def test_a_noxfile_of_the_teams_own_is_extended_once(tmp_path: Path) -> None:
    path = tmp_path / "noxfile.py"
    path.write_text("import nox\n")

    first = propose_noxfile(tmp_path)
    path.write_text(after(first))
    second = propose_noxfile(tmp_path)

    assert (first.action, second.action) == ("extend", "keep")
    assert path.read_text().startswith("import nox\n\nfrom seachange import sessions\n\nsessions.migration_sessions(")
