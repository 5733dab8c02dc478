"""Servers that are not our own programs: one that SEACHANGE_ADMIN_URL names, and one in a container."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres import _scan, binaries
from seachange.postgres.connection import connect, create_database
from seachange.postgres.server import Server, throwaway
from tests.integration.postgres.processes import ask, folder_of, owner_process, soon


class TestAdminUrl:
    """SEACHANGE_ADMIN_URL names a server to work on."""

    @pytest.fixture
    def lending(self, settings: Settings, server: Server) -> Settings:
        variables = {**settings.environment, "SEACHANGE_ADMIN_URL": server.database().url()}
        return dataclasses.replace(settings, environment=variables)

    def names(self, server: Server) -> list[str]:
        with connect(server.database()) as session:
            return [name for (name,) in session.execute("select datname from pg_database where datname like 'seachange_tmp%'")]

    def test_databases_have_names_of_their_own_and_are_dropped(self, lending: Settings, server: Server) -> None:
        with throwaway(lending) as first, throwaway(lending) as second:
            databases = [create_database(lent.database("a=b")) for lent in (first, second)]
            assert sorted(self.names(server)) == sorted(database.name for database in databases)
            assert (first.pid, first.data_dir, first.major) == (None, None, server.major)
            session = connect(databases[0])

        assert self.names(server) == []
        session.close()

    def test_databases_of_a_killed_run_are_dropped_by_the_next(self, lending: Settings, server: Server) -> None:
        with owner_process(lending) as (process, name), throwaway(lending):
            create_database(server.database(name))
            with throwaway(lending):
                assert self.names(server) == [name]
            process.kill()
            process.wait()

            def dropped() -> bool:
                with throwaway(lending):
                    return self.names(server) == []

            assert soon(dropped)

    def test_server_of_another_major_is_not_used(self, lending: Settings) -> None:
        with throwaway(lending, major=14) as other:
            assert (other.major, other.prefix) == (14, "")


_DOCKER = """#!/bin/sh
# Behaves as "docker version" and "docker run --user U:G --entrypoint PROGRAM IMAGE ARGUMENTS" would with an image of {version}.
[ "$1" = version ] && echo 27.1 && exit 0
echo "$@" >> "{log}"
while [ "$1" != --entrypoint ]; do [ "$1" = --user ] && user=$2; shift; done
program=$2; shift 3
drop=
[ "$(id -u)" = 0 ] && drop="setpriv --reuid=${{user%:*}} --regid=${{user#*:}} --clear-groups"
exec $drop "{bin_dir}/$program" "$@"
"""


def test_server_in_a_container_is_made_and_run_by_the_docker_program(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = binaries.server(own, 18)
    docker = tmp_path / "docker"
    docker.write_text(_DOCKER.format(version=18, log=tmp_path / "log", bin_dir=local.bin_dir))
    docker.chmod(0o755)
    for name, value in {"_SYSTEM_PATTERNS": (), "_WHEELS": (), "_NPM": "none", "_EXTRA": "none"}.items():
        monkeypatch.setattr(_scan, name, value)
    variables = {**own.environment, "PATH": f"{tmp_path}:/usr/bin:/bin"}

    with throwaway(dataclasses.replace(own, environment=variables), major=18) as server:
        folder = folder_of(server)
        assert (server.installation and server.installation.source, server.major) == ("docker", 18)
        assert ask(server.database(), "select 1") == 1

    calls = (tmp_path / "log").read_text().splitlines()
    assert calls[0].startswith("run --rm --network none --user ")
    assert "--entrypoint initdb postgres:18 -D " in calls[0]
    assert f"--volume {folder}:{folder} --entrypoint postgres postgres:18 -D {folder}/data" in calls[1]
    assert not folder.exists()
