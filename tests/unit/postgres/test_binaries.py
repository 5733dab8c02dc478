"""Programs are found in the order of preference, by running them once; what is missing is said with its remedies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError
from seachange.postgres import binaries
from tests.unit.postgres.stubs import CLIENTS, SERVER, install_stubs


def found(settings: Settings) -> list[tuple[str, str, Path]]:
    """Return source, version and folder of each installation."""
    return [(one.source, one.version, one.bin_dir) for one in binaries.installations(settings)]


def test_folders_that_variables_name_are_found_with_their_version(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    older = install_stubs(tmp_path / "a", "9.6.24")
    newer = install_stubs(tmp_path / "b", "19beta1")

    expected = [("environment", "9.6.24", older), ("environment", "19beta1", newer)]
    assert sorted(found(bare(SEACHANGE_PG9_BIN=older, SEACHANGE_PG19_BIN="b"))) == sorted(expected)


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
    tmp_path: Path, bare: Callable[..., Settings], folder: str, message: str, hint: str
) -> None:
    install_stubs(tmp_path / "broken", "16.1", text="#!/bin/sh\nexit 127\n")
    install_stubs(tmp_path / "other", "17.2")

    with pytest.raises(BinaryNotFoundError) as caught:
        binaries.installations(bare(SEACHANGE_PG16_BIN=folder))

    assert (caught.value.message, caught.value.hint) == (message.format(tmp_path / folder), hint)


def test_program_is_run_once_and_again_only_when_it_has_changed(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    folder = install_stubs(tmp_path / "pg", "16.1")
    for _ in range(3):
        binaries.installations(bare(SEACHANGE_PG16_BIN=folder))
    first = (folder / "runs").read_text()
    os.utime(folder / "postgres", ns=(1, 1))
    binaries.installations(bare(SEACHANGE_PG16_BIN=folder))

    assert (first, (folder / "runs").read_text()) == ("postgres\n", "postgres\npostgres\n")


@pytest.mark.parametrize("content", ["", "[]", "not json", '{"%s": 3}'], ids=["empty", "a list", "damaged", "other values"])
def test_damaged_memory_of_versions_is_made_anew(tmp_path: Path, bare: Callable[..., Settings], content: str) -> None:
    folder = install_stubs(tmp_path / "pg", "16.1")
    memory = tmp_path / "cache" / "postgres" / "versions.json"
    memory.parent.mkdir(parents=True)
    memory.write_text(content.replace("%s", str(folder / "postgres")))

    assert found(bare(SEACHANGE_PG16_BIN=folder)) == [("environment", "16.1", folder)]
    assert str(folder / "postgres") in json.loads(memory.read_text())


def test_wrapper_scripts_on_the_search_path_are_passed_over(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    install_stubs(tmp_path / "path", "16.1")

    assert found(bare()) == []


def test_programs_that_two_ways_lead_to_are_listed_once(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    cached = install_stubs(tmp_path / "cache" / "postgres" / "pg-1" / "package" / "native" / "bin", "16.1")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "postgres").symlink_to(cached / "postgres")

    assert found(bare()) == [("cache", "16.1", cached)]
    assert found(bare(SEACHANGE_PG16_BIN="links")) == [("environment", "16.1", tmp_path / "links")]


def test_newest_server_is_taken_unless_a_major_is_asked_for(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    variables = {
        "SEACHANGE_PG15_BIN": install_stubs(tmp_path / "15", "15.3"),
        "SEACHANGE_PG17_BIN": install_stubs(tmp_path / "17", "17.1"),
        "SEACHANGE_PG18_BIN": install_stubs(tmp_path / "18", "18.0", CLIENTS),
    }

    assert binaries.server(bare(**variables)).version == "17.1"
    assert binaries.server(bare(**variables, major=15)).version == "15.3"
    assert binaries.server(bare(**variables, major=17), 15).version == "15.3"


@pytest.mark.parametrize(
    ("major", "expected"),
    [pytest.param(14, "15", id="nearest newer"), pytest.param(15, "15", id="own"), pytest.param(16, "18", id="newer by two")],
)
def test_client_program_is_of_the_own_major_or_the_nearest_newer(
    tmp_path: Path, bare: Callable[..., Settings], major: int, expected: str
) -> None:
    variables = {
        "SEACHANGE_PG14_BIN": install_stubs(tmp_path / "14", "14.3", SERVER),
        "SEACHANGE_PG15_BIN": install_stubs(tmp_path / "15", "15.3"),
        "SEACHANGE_PG18_BIN": install_stubs(tmp_path / "18", "18.0", CLIENTS),
    }

    assert binaries.client(bare(**variables), "pg_dump", major=major) == tmp_path / expected / "pg_dump"


def test_missing_server_is_said_with_every_remedy(bare: Callable[..., Settings]) -> None:
    with pytest.raises(BinaryNotFoundError) as caught:
        binaries.server(bare(), 16)

    assert caught.value.message == "PostgreSQL 16 was not found on this machine"
    assert caught.value.hint == (
        "one of: invoke db.servers --install 16; a package of the system (postgresql-16); "
        "SEACHANGE_PG16_BIN=the folder of its programs; Docker, with its engine running"
    )


def test_machine_without_any_server_is_told_how_to_get_the_newest(bare: Callable[..., Settings]) -> None:
    with pytest.raises(BinaryNotFoundError, match=r"^no PostgreSQL server was found on this machine$") as caught:
        binaries.server(bare())

    assert caught.value.hint.startswith("one of: invoke db.servers --install 18; ")


def test_client_older_than_the_server_does_not_count(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    folder = install_stubs(tmp_path / "15", "15.3")

    with pytest.raises(BinaryNotFoundError, match=r"^pg_dump of PostgreSQL 16 or newer was not found on this machine$"):
        binaries.client(bare(SEACHANGE_PG15_BIN=folder), "pg_dump", major=16)


def test_docker_is_used_when_its_engine_answers(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    docker = tmp_path / "path" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho 27.1\n")
    docker.chmod(0o755)

    assert [one.source for one in binaries.installations(bare())] == []
    assert [one.major for one in binaries.installations(bare(), docker=True)] == [18, 17, 16, 15, 14]
    assert (binaries.server(bare()).version, binaries.server(bare(), 15).source) == ("18", "docker")


def test_docker_without_an_engine_does_not_count(tmp_path: Path, bare: Callable[..., Settings]) -> None:
    docker = tmp_path / "path" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    docker.chmod(0o755)

    assert binaries.installations(bare(), docker=True) == ()


def test_looking_for_programs_imports_no_driver() -> None:
    script = "import sys, seachange.postgres.binaries, seachange.postgres.server, seachange.postgres.embedded; "
    script += "print({'psycopg', 'sqlalchemy', 'tarfile'} & set(sys.modules))"

    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True).stdout == b"set()\n"
