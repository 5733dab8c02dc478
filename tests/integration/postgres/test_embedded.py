"""The embedded server of a project is one, durable, and alive between commands."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError, NotWritableError, ServerStartError
from seachange.postgres import embedded
from seachange.postgres._home import find_home
from seachange.postgres.connection import connect
from seachange.postgres.server import sweep
from tests.integration.postgres.processes import ask, open_folder, processes_in, soon

_STARTER = """
import sys
from pathlib import Path
from seachange import config
from seachange.postgres import embedded

print(embedded.start(config.load(Path(sys.argv[1]))).pid)
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user that servers run as")


@contextlib.contextmanager
def new_project(settings: Settings, *, in_memory: bool = True) -> Iterator[Settings]:
    """Make an empty project in a folder that every user can enter; its server is removed afterwards."""
    with open_folder(in_memory=in_memory) as root:
        made = dataclasses.replace(settings, root=root, project="clinic")
        try:
            yield made
        finally:
            embedded.discard(made)


@pytest.fixture
def project(settings: Settings) -> Iterator[Settings]:
    """An empty project."""
    with new_project(settings) as made:
        yield made


@pytest.fixture(scope="module")
def shared(settings: Settings) -> Iterator[Settings]:
    """A project whose server several tests use and none stops."""
    with new_project(settings) as made:
        yield made


def start_elsewhere(settings: Settings, *, count: int) -> list[int]:
    """Start the server from ``count`` processes at once and return the process that each was told."""
    command = [sys.executable, "-c", _STARTER, str(settings.root)]
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(settings.environment)))
            for _ in range(count)
        ]
        return [int(process.communicate(timeout=120)[0]) for process in started]


def test_server_is_durable_and_listens_on_its_socket_only(shared: Settings) -> None:
    server = embedded.start(shared)

    shown = {name: ask(server.database(), f"show {name}") for name in ("fsync", "listen_addresses", "autovacuum")}
    assert shown == {"fsync": "on", "listen_addresses": "", "autovacuum": "on"}
    assert server.data_dir == shared.root / ".seachange" / "postgres" / "data"
    assert (shared.root / ".seachange" / ".gitignore").read_text() == "*\n"


def test_server_survives_the_command_that_started_it(project: Settings) -> None:
    (pid,) = start_elsewhere(project, count=1)

    found = embedded.status(project)
    assert found
    assert found.pid == pid
    assert embedded.start(project) == found
    assert ask(found.database(), "select 1") == 1


def test_commands_at_the_same_time_start_one_server(project: Settings) -> None:
    pids = start_elsewhere(project, count=4)

    assert len(set(pids)) == 1
    assert [pid for pid in processes_in(project.state_dir) if _parent(pid) not in pids] == pids[:1]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_stopped_server_keeps_its_data(project: Settings) -> None:
    database = embedded.database(project)
    with connect(database) as session:
        session.execute("create table kept as select 42 as answer")

    assert embedded.stop(project)
    assert embedded.status(project) is None
    assert processes_in(project.state_dir) == []
    assert not embedded.stop(project)
    assert ask(embedded.database(project), "select answer from kept") == 42


@pytest.mark.parametrize("name", ["clinic", "a=b", "-dash", 'O\'Brien "x" %41', "ünï"])
def test_database_of_the_project_is_there(shared: Settings, name: str) -> None:
    named = dataclasses.replace(shared, project=name)

    assert ask(embedded.database(named), "select current_database()") == name
    assert embedded.database(named).name == name


def test_project_without_a_server_has_none_to_stop_or_discard(project: Settings) -> None:
    assert (embedded.status(project), embedded.stop(project), embedded.discard(project)) == (None, False, False)
    assert list(project.root.iterdir()) == []


def test_server_that_was_killed_is_started_again_with_its_data(project: Settings) -> None:
    server = embedded.start(project)
    with connect(embedded.database(project)) as session:
        session.execute("create table kept ()")
    os.kill(server.pid, signal.SIGKILL)
    assert soon(lambda: processes_in(project.state_dir) == [])

    assert embedded.status(project) is None
    again = embedded.start(project)
    assert again.pid != server.pid
    assert ask(embedded.database(project), "select count(*) from kept") == 0


def test_pid_file_from_before_a_reboot_that_names_another_process_is_no_obstacle(project: Settings) -> None:
    embedded.start(project)
    pid_file = project.state_dir / "postgres" / "data" / "postmaster.pid"
    before = pid_file.read_text()
    embedded.stop(project)
    # PostgreSQL itself would refuse: a process of that number exists, and it is this one.
    pid_file.write_text(before.replace(before.split("\n")[0], str(os.getppid()), 1))

    assert embedded.status(project) is None
    assert not embedded.stop(project)
    assert ask(embedded.start(project).database(), "select 1") == 1


def test_session_that_outlives_the_killed_server_does_not_let_a_second_one_in(project: Settings) -> None:
    server = embedded.start(project)
    address = server.database().parameters
    with psycopg.connect("", autocommit=True, **address) as session:  # type: ignore[arg-type]
        backend = session.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        os.kill(server.pid, signal.SIGKILL)
        assert soon(lambda: processes_in(project.state_dir) == [backend])
        assert embedded.status(project) is None

        command = [sys.executable, "-c", _STARTER, str(project.root)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(project.environment)) as starting:
            with pytest.raises(subprocess.TimeoutExpired):
                starting.wait(1.5)
            assert processes_in(project.state_dir) == [backend]

            os.kill(backend, signal.SIGKILL)
            assert starting.wait(60) == 0
    assert embedded.status(project)


def test_server_stays_at_the_major_of_its_data(
    project: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert embedded.start(dataclasses.replace(project, postgres_major=14)).major == 14
    embedded.stop(project)

    assert embedded.start(project).major == 14
    embedded.stop(project)
    with caplog.at_level(logging.WARNING, "seachange"):
        assert embedded.start(dataclasses.replace(project, postgres_major=18)).major == 14
    assert "the embedded server stays at PostgreSQL 14" in caplog.text


def test_missing_programs_for_existing_data_are_said_with_the_folder(project: Settings) -> None:
    embedded.start(project)
    embedded.stop(project)
    data_dir = project.state_dir / "postgres" / "data"
    (data_dir / "PG_VERSION").write_text("9\n")

    with pytest.raises(BinaryNotFoundError) as caught:
        embedded.start(project)

    assert caught.value.message == (
        f"PostgreSQL 9 was not found on this machine, and the embedded server's data in {data_dir} is of that version"
    )
    assert caught.value.hint.endswith(f"; or move {data_dir} away to begin anew")


def test_server_that_does_not_start_shows_the_end_of_its_log(project: Settings) -> None:
    embedded.start(project)
    embedded.stop(project)
    data_dir = project.state_dir / "postgres" / "data"
    with (data_dir / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")

    with pytest.raises(ServerStartError) as caught:
        embedded.start(project)

    assert caught.value.message.startswith(f"the PostgreSQL server of {data_dir} did not start: it ended at once")
    assert 'unrecognized configuration parameter "no_such_setting"' in caught.value.message
    assert processes_in(project.state_dir) == []


def test_log_that_has_grown_is_set_aside(project: Settings) -> None:
    server = embedded.start(project)
    embedded.stop(project)
    with server.log_file.open("ab") as file:
        file.truncate(6 * 1024**2)
    embedded.start(project)

    assert server.log_file.stat().st_size < 100_000
    assert server.log_file.with_name("server.log.1").stat().st_size == 6 * 1024**2


def test_project_with_a_long_path_has_a_socket_too(project: Settings) -> None:
    root = project.root / ("long" * 25) / "and, with comma"
    root.mkdir(parents=True)
    named = dataclasses.replace(project, root=root)
    try:
        server = embedded.start(named)

        assert ask(server.database(), "select 1") == 1
        assert not server.socket_dir.is_relative_to(root)
        assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    finally:
        assert embedded.discard(named)
    assert not server.socket_dir.exists()


def test_folder_that_is_a_file_is_said(project: Settings) -> None:
    (project.root / ".seachange").write_text("")

    with pytest.raises(NotWritableError, match=r"cannot make the folder .*\.seachange"):
        embedded.start(project)
    (project.root / ".seachange").unlink()


@needs_root
def test_data_of_a_checkout_that_the_servers_user_cannot_enter_is_kept_outside(project: Settings) -> None:
    project.root.chmod(0o700)
    server = embedded.start(project)

    assert server.data_dir.is_relative_to("/var/lib/seachange")
    assert (project.state_dir / "postgres" / "location").read_text() == f"{server.data_dir.parent}\n"
    assert ask(embedded.database(project), "select 1") == 1
    project.root.chmod(0o755)
    assert embedded.status(project) == server
    assert embedded.discard(project)
    assert not server.data_dir.parent.exists()


@needs_root
def test_outside_data_moves_with_the_checkout_and_goes_with_it(settings: Settings) -> None:
    with new_project(settings, in_memory=False) as project:
        project.root.chmod(0o700)
        server = embedded.start(project)
        moved = project.root.with_name(project.root.name + "-moved")
        project.root.rename(moved)
        there = dataclasses.replace(project, root=moved)
        embedded.stop(there)
        assert embedded.start(there).data_dir == server.data_dir
        assert server.data_dir.parent not in sweep(project)

        moved.rename(project.root)
        assert server.data_dir.parent in sweep(project)
        assert processes_in(server.data_dir) == []


@needs_root
def test_data_that_another_user_made_is_served_as_that_user(project: Settings) -> None:
    embedded.start(project)
    embedded.stop(project)
    home = find_home(project)
    assert home
    for path in (home.data_dir, *home.data_dir.rglob("*"), home.log_file):
        os.chown(path, 65534, 65534, follow_symlinks=False)

    server = embedded.start(project)

    assert Path(f"/proc/{server.pid}").stat().st_uid == 65534
    assert ask(server.database(), "select 1") == 1
