"""What clean finds and removes, and everything that it must leave alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.clean import Kind, find_stale, remove
from seachange.config import Settings
from seachange.errors import NotWritableError
from seachange.partial import partial_folder, shared

_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"


def _write(root: Path, *names: str, text: str = "x") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments], cwd=root, check=True, capture_output=True
    )


def _age(path: Path, days: int) -> None:
    then = time.time() - days * 86_400
    for found in [path, *path.rglob("*")]:
        os.utime(found, (then, then), follow_symlinks=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one commit."""
    root = tmp_path / "project"
    _write(root, "pyproject.toml", "app/__init__.py", "packages/shop/package.json", "src/lib.py")
    _git(root, "init", "--quiet")
    _git(root, "add", ".")
    _git(root, "commit", "--quiet", "-m", "start")
    return root


def _found(root: Path, *kinds: Kind) -> list[str]:
    settings = Settings(root=root)
    stale = find_stale(root, settings, kinds=kinds) if kinds else find_stale(root, settings)
    return [str(entry.path.relative_to(root)) for entry in stale]


def test_a_clean_project_has_nothing_stale(root: Path) -> None:
    assert _found(root) == []


def test_build_output_beside_a_build_file_is_found(root: Path) -> None:
    _write(root, "dist/a.whl", "build/lib/a.py", "x.egg-info/PKG-INFO", "src/y.egg-info/PKG-INFO", "packages/shop/dist/a.js")

    assert _found(root) == ["build", "dist", "packages/shop/dist", "src/y.egg-info", "x.egg-info"]


def test_an_entry_says_its_kind_size_and_reason(root: Path) -> None:
    _write(root, "dist/a.whl", text="x" * 1000)
    (entry,) = find_stale(root, Settings(root=root))

    assert (entry.path, entry.kind, entry.reason) == (root / "dist", "build", "build output that git does not track")
    assert entry.size_bytes >= 1000


def test_a_new_source_folder_that_is_called_build_is_kept(root: Path) -> None:
    _write(root, "app/build/__init__.py", "app/dist/notes.md")

    assert _found(root) == []


@pytest.mark.parametrize("ignored", [pytest.param("", id="nothing ignored"), pytest.param("dist/\n", id="ignored")])
def test_one_tracked_file_keeps_the_whole_folder(root: Path, ignored: str) -> None:
    _write(root, ".gitignore", text=ignored)
    _write(root, "dist/deep/kept.js", "dist/other.js")
    _git(root, "add", "--force", "dist/deep/kept.js")

    assert _found(root) == []


def test_a_folder_that_holds_a_repository_or_an_environment_is_kept(root: Path) -> None:
    _write(root, "dist/.git", text="gitdir: elsewhere")
    _write(root, "build/pyvenv.cfg")

    assert _found(root) == []


def test_a_link_is_neither_followed_nor_removed(root: Path, tmp_path: Path) -> None:
    _write(tmp_path, "victim/file")
    (root / "dist").symlink_to(tmp_path / "victim")
    _write(root, "build/x")
    (root / "build" / "link").symlink_to(tmp_path / "victim")
    settings = Settings(root=root)

    assert _found(root) == ["build"]
    remove(find_stale(root, settings))
    assert not (root / "build").exists()
    assert (tmp_path / "victim" / "file").read_text() == "x"


@pytest.mark.parametrize("folder", [".git", ".venv", ".nox", "node_modules"])
def test_nothing_is_looked_for_inside_folders_of_tools(root: Path, folder: str) -> None:
    _write(root, f"{folder}/pkg/package.json", f"{folder}/pkg/dist/a.js", f"{folder}/dist/a.js")
    if folder != ".git":
        _git(root, "add", "--force", f"{folder}/pkg/package.json")

    assert _found(root) == []


@pytest.mark.parametrize("name", [".git", ".venv", ".nox", "node_modules", ".seachange", ".env"])
def test_a_careless_pattern_does_not_reach_what_is_never_removed(root: Path, name: str) -> None:
    _write(root, f"{name}/file" if name != ".env" else name)
    settings = Settings(root=root, clean_build=("*",))

    assert name not in {entry.path.name for entry in find_stale(root, settings)}


def test_folders_that_the_settings_name_are_kept(root: Path) -> None:
    _write(root, "dist/backups/one", "build/logs/migration.log")
    settings = Settings(root=root, backup_dir="dist/backups", log_file="build/logs/migration.log")

    assert find_stale(root, settings) == ()


def test_outside_a_repository_build_output_is_kept(tmp_path: Path) -> None:
    _write(tmp_path, "pyproject.toml", "dist/a.whl", "x.egg-info/PKG-INFO")

    assert _found(tmp_path) == []


def test_where_git_tracks_nothing_build_output_is_kept(tmp_path: Path) -> None:
    _git(tmp_path, "init", "--quiet")
    _write(tmp_path, "pyproject.toml", "dist/a.whl")

    assert _found(tmp_path) == []


def test_without_git_build_output_is_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(root, "dist/a.whl")
    monkeypatch.setenv("PATH", str(root))

    assert _found(root) == []


def test_the_environment_of_a_git_hook_does_not_mislead(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _write(root, "dist/kept.js")
    _git(root, "add", "--force", "dist/kept.js")
    other = tmp_path / "other"
    other.mkdir()
    _git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))

    assert _found(root) == []


def test_a_project_in_a_subfolder_of_a_repository_is_cleaned(root: Path) -> None:
    _write(root, "packages/shop/dist/a.js", "packages/shop/build/kept.js", "dist/other")
    _git(root, "add", "--force", "packages/shop/build/kept.js")

    assert _found(root / "packages" / "shop") == ["dist"]


def test_names_in_any_script_are_compared_as_git_writes_them(root: Path) -> None:
    _write(root, "größe/package.json", "größe/dist/kept.js", "größe/build/a b\nc.js")
    _git(root, "add", "--force", "größe/package.json", "größe/dist/kept.js")

    assert _found(root) == ["größe/build"]


def test_caches_are_stale_when_nothing_in_them_was_used_for_long(root: Path) -> None:
    _write(root, ".mypy_cache/3.11/a.json", ".ruff_cache/0.17/a", ".pytest_cache/v/a")
    for name in (".mypy_cache", ".ruff_cache", ".pytest_cache"):
        _age(root / name, days=30)
    (root / ".ruff_cache/0.17/a").write_text("used today")
    (entry, _) = find_stale(root, Settings(root=root))

    assert _found(root) == [".mypy_cache", ".pytest_cache"]
    assert entry.reason == "a cache not used for 30 days"


def test_the_age_of_a_stale_cache_is_a_setting(root: Path) -> None:
    _write(root, ".mypy_cache/a.json")
    _age(root / ".mypy_cache", days=2)

    assert find_stale(root, Settings(root=root)) == ()
    assert len(find_stale(root, Settings(root=root, clean_cache_age=86_400_000))) == 1


def test_a_tracked_cache_is_kept(root: Path) -> None:
    _write(root, ".mypy_cache/kept.json")
    _git(root, "add", "--force", ".mypy_cache/kept.json")
    _age(root / ".mypy_cache", days=30)

    assert _found(root) == []


def test_outside_a_repository_only_a_folder_that_says_so_is_a_cache(tmp_path: Path) -> None:
    _write(tmp_path, ".mypy_cache/CACHEDIR.TAG", text=_TAG)
    _write(tmp_path, ".ruff_cache/notes")
    for name in (".mypy_cache", ".ruff_cache"):
        _age(tmp_path / name, days=30)

    assert _found(tmp_path) == [".mypy_cache"]


def test_leftovers_of_dead_runs_are_found_and_those_of_live_ones_kept(root: Path) -> None:
    left = [".seachange/.partial-1-4567cdef", "backups/.partial-1-0123abcd", "schema/.partial-1-89ab0123"]
    _write(root, *(f"{folder}/x" for folder in left), "backups/notes")
    with partial_folder(root / "backups"):
        assert _found(root, "leftovers") == left


def test_each_kind_can_be_asked_for_alone(root: Path) -> None:
    _write(root, "dist/a", ".mypy_cache/a", "backups/.partial-1-0123abcd/database.dump")
    _age(root / ".mypy_cache", days=30)

    assert _found(root, "build") == ["dist"]
    assert _found(root, "caches") == [".mypy_cache"]
    assert _found(root, "leftovers") == ["backups/.partial-1-0123abcd"]
    assert _found(root) == ["dist", ".mypy_cache", "backups/.partial-1-0123abcd"]


def test_what_was_listed_is_removed_and_nothing_else(root: Path) -> None:
    _write(root, "dist/a", "build/b", ".env", "backups/.partial-1-0123abcd/database.dump")
    settings = Settings(root=root)
    stale = find_stale(root, settings)

    assert remove(stale) == stale
    assert sorted(path.name for path in root.iterdir()) == [".env", ".git", "app", "backups", "packages", "pyproject.toml", "src"]
    assert find_stale(root, settings) == ()


def test_what_became_tracked_after_the_listing_is_kept(root: Path) -> None:
    _write(root, "dist/a")
    settings = Settings(root=root)
    stale = find_stale(root, settings)
    _git(root, "add", "--force", "dist/a")

    assert remove(stale) == ()
    assert (root / "dist" / "a").exists()


def test_a_leftover_that_has_an_owner_by_now_is_kept(root: Path) -> None:
    _write(root, "backups/.partial-1-0123abcd/database.dump")
    stale = find_stale(root, Settings(root=root))
    with shared(stale[0].path):
        assert remove(stale) == ()
    assert remove(stale) == stale
    assert remove(stale) == ()


@contextlib.contextmanager
def _protected(folder: Path) -> Iterator[None]:
    """Forbid changes in a folder, to root too."""
    if os.geteuid():
        folder.chmod(0o500)
    elif not shutil.which("chattr") or subprocess.run(["chattr", "+i", folder], check=False, capture_output=True).returncode:
        pytest.skip("as root this needs chattr and a file system that knows it")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True) if not os.geteuid() else folder.chmod(0o700)


def test_what_cannot_be_removed_is_named(root: Path) -> None:
    _write(root, "dist/deep/a")
    settings = Settings(root=root)
    stale = find_stale(root, settings)

    with _protected(root / "dist" / "deep"), pytest.raises(NotWritableError, match=f"^{root}/dist cannot be removed: .*: a$"):
        remove(stale)


def test_a_repository_of_ten_thousand_files_is_looked_through_quickly(root: Path) -> None:
    for number in range(100):
        _write(root, *(f"app/part{number}/file{index}.py" for index in range(100)))
    _git(root, "add", ".")
    started = time.perf_counter()

    assert _found(root) == []
    assert time.perf_counter() - started < 1
