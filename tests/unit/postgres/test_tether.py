"""The keeper ends what its owner started, however the owner ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.postgres._tether import Tether, tether

_OWNER = """
import subprocess, sys, time
from pathlib import Path
from seachange.postgres._tether import Tether

folder = Path(sys.argv[1])
line = Tether(remove=folder)
script = 'sleep 60 & echo $! > "$0/grandchild"; wait'
child = subprocess.Popen(line.wrap(["/bin/sh", "-c", script, folder]), stdin=line.fileno(), process_group=0)
while not (folder / "grandchild").exists() or not (folder / "grandchild").read_text().endswith("\\n"):
    time.sleep(0.01)
print(child.pid, (folder / "grandchild").read_text(), flush=True)
time.sleep(60)
"""


def _alive(pid: int) -> bool:
    try:
        # A process that has ended and waits for its parent to notice is not alive.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _soon(condition: object, seconds: float = 10.0) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "60"], process_group=0) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_program_its_children_and_the_folder_are_gone_when_the_owner_is_gone(tmp_path: Path, how: signal.Signals) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", _OWNER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as owner:
        assert owner.stdout
        child, grandchild = map(int, owner.stdout.readline().split())
        assert _alive(child)
        assert _alive(grandchild)

        owner.send_signal(how)
        owner.wait()

        assert _soon(lambda: not folder.exists())
        assert not _alive(child)
        assert not _alive(grandchild)


def test_release_leaves_the_process_and_the_folder_alone(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    with tether(pid=sleeper.pid, remove=tmp_path):
        pass
    time.sleep(0.2)

    assert tmp_path.exists()
    assert sleeper.poll() is None


def test_process_that_ignores_the_first_signal_is_killed(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    with subprocess.Popen(["/bin/sh", "-c", script], process_group=0, stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout
        stubborn.stdout.readline()
        line = tether(group=stubborn.pid, remove=tmp_path, patience_s=0.2)

        os.close(line._writing)
        line._writing = -1

        assert stubborn.wait(10) == -signal.SIGKILL
        line._keeper.wait(10)
        assert not tmp_path.exists()


def test_thread_that_started_the_tether_may_end(sleeper: subprocess.Popen[bytes]) -> None:
    made: list[Tether] = []
    thread = threading.Thread(target=lambda: made.append(tether(group=sleeper.pid)))
    thread.start()
    thread.join()
    time.sleep(0.2)

    assert sleeper.poll() is None
    made[0].release()


def test_wrapped_program_gets_its_arguments_and_an_empty_standard_input() -> None:
    with Tether() as line:
        script = 'import sys; print(sys.argv[1:], sys.stdin.read() == "")'
        arguments = line.wrap([sys.executable, "-c", script, "a b", "-dash", "", "$HOME", "'"])
        done = subprocess.run(arguments, stdin=line.fileno(), process_group=0, capture_output=True, check=True, text=True)

    assert done.stdout == "['a b', '-dash', '', '$HOME', \"'\"] True\n"


def test_keeper_that_was_killed_is_no_obstacle() -> None:
    line = Tether()
    line._keeper.kill()
    line._keeper.wait()

    line.watch(pid=os.getpid())
    line.release()
    line.release()
