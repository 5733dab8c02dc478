"""Folders of servers are private, short enough for a socket, and open to the user of the servers where they must be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from seachange.errors import NotWritableError, OutOfDiskError, ServerStartError
from seachange.postgres import _places
from seachange.postgres._places import copy_tree, fits_socket, publish, run_root, run_roots
from seachange.postgres._privileges import Identity, can_reach, server_identity

SOMEBODY = Identity(name="somebody", uid=54321, gid=54322)


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the system's folder of temporary files be an empty one."""
    monkeypatch.setattr(_places, "_temp", lambda: tmp_path)
    monkeypatch.setattr(_places, "_MEMORY", tmp_path / "memory")
    return tmp_path


def test_folder_of_runs_is_made_for_this_user_only(temp: Path) -> None:
    root = run_root()

    assert root == temp / f"seachange-{os.geteuid()}"
    assert stat.S_IMODE(root.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
    assert (run_root(), run_roots()) == (root, (root,))


def test_folder_of_runs_is_in_memory_when_there_is_room(temp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = temp / "memory"
    assert run_root(in_memory=True).parent == temp
    memory.mkdir()
    monkeypatch.setattr(_places, "_MEMORY_ROOM", 1)
    assert run_root(in_memory=True).parent == memory
    assert run_root().parent == temp
    monkeypatch.setattr(_places, "_MEMORY_ROOM", 2**70)
    assert run_root(in_memory=True).parent == temp
    assert {folder.parent for folder in run_roots()} == {temp, memory}


@pytest.mark.parametrize("what", ["a file", "a link", "open to others"])
def test_folder_of_runs_that_somebody_else_prepared_is_refused(temp: Path, what: str) -> None:
    trap = temp / f"seachange-{os.geteuid()}"
    if what == "a file":
        trap.write_text("")
    elif what == "a link":
        (temp / "elsewhere").mkdir()
        trap.symlink_to(temp / "elsewhere")
    else:
        trap.mkdir()
        trap.chmod(0o777)

    with pytest.raises(ServerStartError, match=str(trap)) as caught:
        run_root()
    assert "set TMPDIR to another folder" in caught.value.hint


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        pytest.param("/tmp/seachange-0/.partial-1234567-abcdef12", True, id="a run"),
        pytest.param("/" + "x" * 86, True, id="longest"),
        pytest.param("/" + "x" * 87, False, id="too long"),
        pytest.param("/" + "ü" * 44, False, id="bytes count"),
        pytest.param("/a, b", False, id="a list for PostgreSQL"),
        pytest.param("/a'b", False, id="quote"),
    ],
)
def test_socket_needs_a_short_and_plain_path(folder: str, expected: bool) -> None:  # noqa: FBT001
    assert fits_socket(Path(folder)) == expected


@pytest.mark.parametrize(
    ("mode", "owner", "expected"),
    [
        pytest.param(0o755, 0, True, id="open to all"),
        pytest.param(0o700, 0, False, id="closed"),
        pytest.param(0o700, SOMEBODY.uid, True, id="own"),
        pytest.param(0o077, SOMEBODY.uid, False, id="own but closed to the owner"),
        pytest.param(0o711, 0, False, id="can be entered but not read"),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of others")
def test_what_another_user_can_reach_is_told_by_owner_and_mode(mode: int, owner: int, expected: bool) -> None:  # noqa: FBT001
    base = Path("/var/tmp") / f"seachange-test-{os.getpid()}"
    base.mkdir(mode=0o755)
    try:
        base.chmod(mode)
        os.chown(base, owner, 0)
        assert can_reach(base, SOMEBODY) == expected
        assert can_reach(base, None)
    finally:
        base.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user that servers run as")
def test_root_has_another_user_for_servers() -> None:
    identity = server_identity()

    assert identity
    assert identity.name in ("postgres", "nobody")
    assert identity.uid != 0


def test_first_to_publish_a_folder_wins(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "who").write_text(name)

    assert publish(tmp_path / "first", tmp_path / "target")
    assert not publish(tmp_path / "second", tmp_path / "target")
    assert (tmp_path / "target" / "who").read_text() == "first"


def test_copy_keeps_modes_and_links(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.mkdir(mode=0o700)
    (source / "program").write_text("x")
    (source / "program").chmod(0o750)
    (source / "link").symlink_to("program")

    copy_tree(source, tmp_path / "b")
    copy_tree(source, tmp_path / "c", follow_links=True)

    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "b" / "program").stat().st_mode) == 0o750
    assert ((tmp_path / "b" / "link").is_symlink(), (tmp_path / "c" / "link").is_symlink()) == (True, False)


def test_copy_without_reflinks_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    cp = tmp_path / "bin" / "cp"
    refuses = '[ "$2" = --reflink=auto ] && echo "cp: unrecognized option: reflink=auto" && exit 1'
    cp.write_text(f'#!/bin/sh\n{refuses}\nexec /bin/cp "$@"\n')
    cp.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")

    copy_tree(tmp_path / "a", tmp_path / "b")

    assert (tmp_path / "b" / "file").read_text() == "x"


@pytest.mark.parametrize(
    ("said", "error", "hint"),
    [
        pytest.param("cp: error writing 'b': No space left on device", OutOfDiskError, "make room on the disk", id="disk full"),
        pytest.param("cp: cannot open 'a': Permission denied", NotWritableError, "", id="closed"),
    ],
)
def test_failed_copy_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, error: type[NotWritableError], hint: str
) -> None:
    (tmp_path / "cp").write_text(f'#!/bin/sh\necho "{said}"\nexit 1\n')
    (tmp_path / "cp").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(error) as caught:
        copy_tree(tmp_path / "a", tmp_path / "b")
    assert caught.value.hint == hint
