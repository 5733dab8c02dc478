"""The cache of what was read: it saves parsing, and never changes what is read."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.revisions.history import History, read_history
from tests.project import Project

Scenario = Callable[[str], Project]

COUNT_COMPILED = """
import sys
from pathlib import Path
from seachange.config import Settings
from seachange.revisions.history import read_history
from seachange.revisions.validate import validate

root, compiled = Path(sys.argv[1]), []
sys.addaudithook(lambda event, given: compiled.append(str(given[1])) if event == "compile" else None)
validate(read_history(Settings(root=root)))
print(len([name for name in compiled if name.endswith(".py") and not name.startswith(("/", "<"))]))
"""


def compiled(root: Path) -> int:
    """Return how many files a new process parses for reading and validating the history."""
    argv = [sys.executable, "-c", COUNT_COMPILED, str(root)]
    return int(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout)


def read(root: Path) -> History:
    return read_history(Settings(root=root))


def cache_of(root: Path) -> Path:
    return root / ".seachange" / "revisions.json"


@pytest.fixture
def linear(scenario: Scenario) -> Project:
    return scenario("linear")


def test_a_second_process_parses_nothing(linear: Project) -> None:
    assert (compiled(linear.path), compiled(linear.path)) == (3, 0)


def test_what_comes_from_the_cache_equals_what_was_read(linear: Project) -> None:
    versions = linear.path / "migrations" / "versions"
    (versions / "0004_all.py").write_text(
        '"""Title.\n\nCreate Date: 2024-05-06 07:08:09.123456+02:00\n"""\nimport linear_models\nfrom .x import y\n'
        'revision = "0004"\ndown_revision = "0003"\nbranch_labels = ["a", "b"]\ndepends_on = ("0001",)\n'
    )
    first = read(linear.path)
    second = read(linear.path)

    assert cache_of(linear.path).is_file()
    assert [vars(each) for each in first.revisions] == [vars(each) for each in second.revisions]
    assert first.findings == second.findings


def test_a_file_that_changed_under_the_same_size_and_time_is_read_again(linear: Project) -> None:
    path = linear.path / "migrations" / "versions" / "0003_unique_email.py"
    before, stat = read(linear.path), path.stat()
    path.write_text(path.read_text().replace("Make the email", "Make each mail"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    after = read(linear.path)

    assert path.stat().st_size == stat.st_size
    assert (before.revisions[-1].title, after.revisions[-1].title) == (
        "Make the email of clients unique",
        "Make each mail of clients unique",
    )


def test_files_of_the_same_content_under_two_names_are_two_revisions(linear: Project) -> None:
    versions = linear.path / "migrations" / "versions"
    (versions / "copy.py").write_bytes((versions / "0003_unique_email.py").read_bytes())
    read(linear.path)

    assert [each.path.name for each in read(linear.path).duplicates] == ["copy.py"]


def _with_body(whole: bytes, body: bytes) -> bytes:
    """Return a cache with another body whose first line is right."""
    stamp = whole.partition(b"\n")[0].rpartition(b" ")[0]
    return stamp + b" " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def _with_rows(whole: bytes, row: object) -> bytes:
    return _with_body(whole, json.dumps(dict.fromkeys(json.loads(whole.partition(b"\n")[2]), row)).encode())


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(lambda whole: whole[:0], id="empty"),
        pytest.param(lambda whole: whole[:-20], id="cut off"),
        pytest.param(lambda whole: whole.replace(b"0002", b"0009"), id="bytes changed"),
        pytest.param(lambda whole: whole.replace(b" readers ", b" readers 0", 1), id="another version"),
        pytest.param(lambda whole: b"\xff\xfe\x00" * len(whole), id="no text"),
        pytest.param(lambda whole: _with_body(whole, b"[1, 2]"), id="a list"),
        pytest.param(lambda whole: _with_body(whole, b"[" * 100_000), id="nested too deeply"),
        pytest.param(lambda whole: _with_rows(whole, 7), id="numbers for rows"),
        pytest.param(lambda whole: _with_rows(whole, [1]), id="short rows"),
    ],
)
def test_a_damaged_cache_is_as_good_as_none(linear: Project, damaged: Callable[[bytes], bytes]) -> None:
    expected = read(linear.path)
    path = cache_of(linear.path)
    whole = path.read_bytes()
    path.write_bytes(damaged(whole))

    assert read(linear.path) == expected
    assert path.read_bytes() == whole


def test_a_project_that_cannot_be_written_is_read_all_the_same(linear: Project) -> None:
    (linear.path / ".seachange").write_text("not a folder")

    assert [each.revision for each in read(linear.path).revisions] == ["0001", "0002", "0003"]
    assert (linear.path / ".seachange").read_text() == "not a folder"


def test_git_ignores_the_folder_of_the_cache(linear: Project) -> None:
    linear.commit()
    read(linear.path)

    assert linear.run("git", "status", "--porcelain").stdout == ""


def test_commands_side_by_side_leave_a_whole_cache_and_nothing_else(linear: Project) -> None:
    argv = [sys.executable, "-c", COUNT_COMPILED, str(linear.path)]
    processes = [subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(4)]

    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 4
    assert compiled(linear.path) == 0
    assert sorted(path.name for path in (linear.path / ".seachange").iterdir()) == [".gitignore", "revisions.json"]


def test_the_leavings_of_a_killed_command_are_removed(linear: Project) -> None:
    left = Settings(root=linear.path).make_state_dir() / ".partial-999999999-0123abcd"
    left.mkdir()
    read(linear.path)

    assert not left.exists()


def test_what_is_not_used_any_more_is_kept_up_to_a_bound(linear: Project) -> None:
    versions = linear.path / "migrations" / "versions"
    template = (versions / "0003_unique_email.py").read_text()
    for number in range(1100):
        (versions / f"other_{number}.py").write_text(template.replace('"0003"', f'"x{number}"'))
    read(linear.path)
    for path in versions.glob("other_*.py"):
        path.unlink()
    (versions / "0003_unique_email.py").write_text(template + "\n")
    read(linear.path)

    kept = json.loads(cache_of(linear.path).read_bytes().partition(b"\n")[2])
    assert len(kept) == 3 + 1000


@pytest.fixture
def importing(linear: Project) -> Project:
    """A project whose last revision imports a module that imports another."""
    (linear.path / "shop").mkdir()
    (linear.path / "shop" / "names.py").write_text("from shop import sizes\n")
    (linear.path / "shop" / "sizes.py").write_text("LONG = 80\n")
    linear.replace("migrations/versions/0003_unique_email.py", old="from alembic import op", new="import shop.names")
    return linear


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("shop/names.py", "from shop import sizes\nSHORT = 2\n", id="the module"),
        pytest.param("shop/sizes.py", "LONG = 81\n", id="a module that it imports"),
        pytest.param("shop/__init__.py", "", id="a package file that was not there"),
        pytest.param("shop/names.py", "def broken(:\n", id="a module that does not compile any more"),
    ],
)
def test_the_hash_of_a_revision_follows_its_imports_when_its_file_is_cached(importing: Project, name: str, text: str) -> None:
    before = [read(importing.path).revisions[number].content_hash for number in range(3)]
    assert [each.content_hash for each in read(importing.path).revisions] == before

    (importing.path / name).write_text(text)

    after = [each.content_hash for each in read(importing.path).revisions]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, True, False]
