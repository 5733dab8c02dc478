"""Artefacts on disk."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.errors import NotWritableError
from seachange.sync._write import SyncResult, publish, remove, writing
from seachange.sync.model import Schema
from seachange.sync.target import header


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "schema"


@contextlib.contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_new_file_is_written_with_its_folders_and_the_mode_of_the_umask(folder: Path) -> None:
    before = os.umask(0o027)
    try:
        file = publish(folder / "deep" / "a.sql", "äö\n", check=False)
    finally:
        os.umask(before)

    assert (file.status, file.path) == ("written", folder / "deep" / "a.sql")
    assert file.path.read_bytes() == "äö\n".encode()
    assert file.path.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in file.path.parent.iterdir()) == ["a.sql"]


def test_an_unchanged_file_is_not_touched(folder: Path) -> None:
    path = publish(folder / "a.sql", "a\n", check=False).path
    os.utime(path, (1, 1))
    inode = path.stat().st_ino

    assert publish(path, "a\n", check=False).status == "unchanged"
    assert publish(path, "a\n", check=True).status == "unchanged"
    assert (path.stat().st_mtime, path.stat().st_ino) == (1, inode)


def test_a_changed_file_is_replaced_and_keeps_its_mode(folder: Path) -> None:
    path = publish(folder / "a.sql", "a\nb\n", check=False).path
    path.chmod(0o600)
    with path.open("rb") as open_before:
        file = publish(path, "a\nc\n", check=False)

        assert open_before.read() == b"a\nb\n"
    assert file.status == "written"
    assert file.diff == "--- a/a.sql\n+++ b/a.sql\n@@ -1,2 +1,2 @@\n a\n-b\n+c"
    assert path.read_text() == "a\nc\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_checking_writes_nothing_and_shows_the_difference(folder: Path) -> None:
    path = folder / "a.sql"
    missing = publish(path, "a\n", check=True)
    assert (missing.status, missing.diff) == ("stale", "--- /dev/null\n+++ b/a.sql\n@@ -0,0 +1 @@\n+a")
    assert not folder.exists()

    publish(path, "b\n", check=False)
    stale = publish(path, "a\n", check=True)
    assert (stale.status, stale.diff) == ("stale", "--- a/a.sql\n+++ b/a.sql\n@@ -1 +1 @@\n-b\n+a")
    assert path.read_text() == "b\n"
    assert SyncResult(files=(missing, stale), fingerprint="").stale == (missing, stale)


def test_a_very_long_difference_is_told_in_numbers(folder: Path) -> None:
    publish(folder / "a.sql", "x\n" * 30_000, check=False)

    assert publish(folder / "a.sql", "y\n" * 30_001, check=True).diff == "a.sql: 30000 lines become 30001"


def test_a_symbolic_link_stays_one(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    folder.mkdir()
    (folder / "a.sql").symlink_to(tmp_path / "real" / "b.sql")
    publish(folder / "a.sql", "a\n", check=False)

    assert (folder / "a.sql").is_symlink()
    assert (tmp_path / "real" / "b.sql").read_text() == "a\n"


@pytest.mark.parametrize(
    "obstacle",
    [
        pytest.param(lambda folder: folder.write_text("a file"), id="a file where the folder should be"),
        pytest.param(lambda folder: (folder / "a.sql").mkdir(parents=True), id="a folder where the file should be"),
    ],
)
def test_what_cannot_be_written_is_named(folder: Path, obstacle: object) -> None:
    assert callable(obstacle)
    obstacle(folder)
    with pytest.raises(NotWritableError, match=r"schema/a\.sql cannot be written") as caught:
        publish(folder / "a.sql", "a\n", check=False)

    assert "sync_dir" in caught.value.hint


def test_a_full_disk_leaves_the_old_file_and_nothing_else(folder: Path) -> None:
    path = publish(folder / "a.sql", "old\n", check=False).path
    with _files_of_at_most(1_000), pytest.raises(NotWritableError, match=r"a\.sql cannot be written"):
        publish(path, "new\n" * 1_000, check=False)

    assert path.read_text() == "old\n"
    assert [entry.name for entry in folder.iterdir()] == ["a.sql"]


def test_lines_that_may_differ_make_no_file_stale(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    volatile = re.compile(r"Rows: .*")
    publish(path, "# clients\nRows: 3\nid\n", check=False, volatile=volatile)

    assert publish(path, "# clients\nRows: 4\nid\n", check=False, volatile=volatile).status == "unchanged"
    assert publish(path, "# clients\nRows: 4\nkey\n", check=True, volatile=volatile).status == "stale"
    assert path.read_text() == "# clients\nRows: 3\nid\n"


def test_only_files_of_seachange_that_are_written_no_more_are_removed(tmp_path: Path) -> None:
    head = "".join(f"// {line}\n" for line in header(Schema(fingerprint="f"), target="drizzle"))
    names = ("kept.ts", "inner/gone.ts")
    for name in names:
        publish(tmp_path / name, head, check=False)
    (tmp_path / "mine.ts").write_text("// of a person\n")
    (tmp_path / "schema.md").write_text("".join(header(Schema(fingerprint="f"), target="erd")))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "module.cpython-311.pyc").write_text(head)

    (stale,) = remove(tmp_path, keep={"kept.ts"}, target="drizzle", check=True)
    assert (stale.status, stale.path.name) == ("stale", "gone.ts")
    assert (tmp_path / "inner" / "gone.ts").exists()
    (removed,) = remove(tmp_path, keep={"kept.ts"}, target="drizzle", check=False)
    assert (removed.status, removed.target) == ("removed", "drizzle")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["__pycache__", "kept.ts", "mine.ts", "schema.md"]


def test_a_folder_that_is_not_there_has_nothing_to_remove(tmp_path: Path) -> None:
    assert list(remove(tmp_path / "nowhere", keep=(), target="docs", check=False)) == []


@pytest.mark.parametrize("text", ["", "a\n", "a\nb\n", "a\n\n\nb"], ids=["nothing", "one line", "two", "empty lines"])
def test_what_a_new_file_brings_is_told_as_difflib_would(folder: Path, text: str) -> None:
    told = publish(folder / "a.sql", text, check=True).diff

    assert told == "\n".join(difflib.unified_diff([], text.splitlines(), "/dev/null", "b/a.sql", lineterm=""))


def test_files_written_together_change_together_or_not_at_all(folder: Path) -> None:
    kept = publish(folder / "a.md", "old\n").path
    with contextlib.suppress(ZeroDivisionError), writing() as writer:
        publish(kept, "new\n", writer=writer)
        publish(folder / "deep" / "b.md", "new\n", writer=writer)
        raise ZeroDivisionError
    failed = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    with writing() as writer:
        publish(kept, "new\n", writer=writer)
        publish(folder / "deep" / "b.md", "new\n", writer=writer)
        meanwhile = kept.read_text()

    assert (failed, meanwhile) == ({"a.md"}, "old\n")
    assert [path.read_text() for path in (kept, folder / "deep" / "b.md")] == ["new\n", "new\n"]
    assert sorted(entry.name for entry in folder.iterdir()) == ["a.md", "deep"]
