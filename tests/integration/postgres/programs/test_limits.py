"""Client programs keep to their limits and leave nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seachange.errors import ExitCode, TimeoutExceededError
from seachange.postgres import programs
from seachange.postgres.connection import Database, connect
from tests.integration.postgres.processes import processes_with, soon
from tests.integration.postgres.programs.conftest import SH
from tests.integration.postgres.wire import Wire


class TestLimits:
    """A program that takes too long or stands still is ended with everything that it started."""

    def test_deadline_ends_the_whole_group_even_if_it_ignores_signals(self) -> None:
        mark = f"k4n-{time.monotonic_ns()}"
        script = "trap '' INT TERM; sleep 61 & sleep 62; wait"
        begin = time.monotonic()
        with pytest.raises(TimeoutExceededError, match=r"sh did not end within 0.3 s and was stopped") as caught:
            programs.run(SH, ["-c", script, mark], timeout_s=0.3, env={"MARK": mark})

        assert caught.value.exit_code == ExitCode.TRY_AGAIN
        assert time.monotonic() - begin < 5
        assert soon(lambda: not processes_with(mark), seconds=2)

    def test_program_that_moves_is_not_stopped(self, tmp_path: Path) -> None:
        script = "for i in 1 2 3 4 5; do echo $i; sleep 0.2; done"

        to_pipe = programs.run(SH, ["-c", script], stall_timeout_s=0.7)
        programs.run(SH, ["-c", script], stall_timeout_s=0.7, stdout=tmp_path / "out")

        assert b"1\n2\n3\n4\n5\n" == to_pipe.stdout == (tmp_path / "out").read_bytes()

    def test_progress_of_the_caller_counts(self) -> None:
        grown = iter(range(1000))
        programs.run(SH, ["-c", "sleep 1"], stall_timeout_s=0.4, progress=lambda: next(grown))

        with pytest.raises(TimeoutExceededError, match=r"sh made no progress for 0.4 s and was stopped"):
            programs.run(SH, ["-c", "while :; do echo x; sleep 0.1; done"], stall_timeout_s=0.4, progress=lambda: 0)

    def test_dump_whose_packets_are_swallowed_is_stopped(self, database: Database, pg_dump: Path, tmp_path: Path) -> None:
        with connect(database) as session:
            session.execute("create table t as select repeat('x', 1000) as x from generate_series(1, 50000)")
        with Wire(database, swallow_after=5_000_000) as wire:
            swallowed = wire.database.with_parameters(application_name="k4n-swallowed")
            begin = time.monotonic()
            with pytest.raises(TimeoutExceededError, match="pg_dump made no progress for 1 s"):
                programs.run(pg_dump, [], database=swallowed, stdout=tmp_path / "out", stall_timeout_s=1)

            assert time.monotonic() - begin < 8
            assert not processes_with("k4n-swallowed")
        assert not (tmp_path / "out").exists()

    def test_left_behind_grandchild_neither_holds_up_nor_survives(self) -> None:
        mark = f"k4n-{time.monotonic_ns()}"
        begin = time.monotonic()
        done = programs.run(SH, ["-c", "sleep 63 & echo started", mark], env={"MARK": mark})

        assert done.stdout == b"started\n"
        assert time.monotonic() - begin < 5
        assert soon(lambda: not processes_with(mark), seconds=2)

    def test_exception_in_progress_ends_the_program(self) -> None:
        mark = f"k4n-{time.monotonic_ns()}"

        def broken() -> int:
            if time.monotonic() > begin + 0.3:
                raise KeyboardInterrupt
            return 0

        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            programs.run(SH, ["-c", "sleep 64"], stall_timeout_s=1, progress=broken, env={"MARK": mark})

        assert soon(lambda: not processes_with(mark), seconds=2)


_OWNER = """
import sys
from pathlib import Path
from seachange.postgres import programs
from seachange.postgres.connection import parse

arguments = ["--format=directory", "--jobs=2", "--compress=0", "--file", sys.argv[3]]
programs.run(Path(sys.argv[1]), arguments, database=parse(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_dump_with_workers_is_gone_when_its_owner_is_gone(
    database: Database, pg_dump: Path, tmp_path: Path, private_folders: Path, number: signal.Signals
) -> None:
    with connect(database) as session:
        for table in ("a", "b", "c"):
            session.execute(f"create table {table} as select repeat('x', 1000) as x from generate_series(1, 20000)")
    with Wire(database, swallow_after=8_000_000) as wire:
        marked = wire.database.with_parameters(application_name="k4n-workers", password="s3cret-k4n")
        environment = {**os.environ, "TMPDIR": str(private_folders)}
        with subprocess.Popen(
            [sys.executable, "-c", _OWNER, str(pg_dump), marked.url(), str(tmp_path / "dump")],
            env=environment,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as owner:
            try:
                assert soon(lambda: len(processes_with("PGAPPNAME=k4n-workers")) >= 3, seconds=20)
                os.kill(owner.pid, number)
                begin = time.monotonic()
                gone = soon(lambda: not processes_with("PGAPPNAME=k4n-workers"), seconds=5)
                assert gone
                assert time.monotonic() - begin < 2.5
            finally:
                owner.kill()
    assert soon(lambda: not list(private_folders.iterdir()), seconds=5)
