"""A keeper process that ends what this process started, and removes its folder, when this process is gone."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Tether", "tether"]

# Arguments: folder to remove or "", first signal, how many waits of 0.05 s before SIGKILL. A zombie counts as gone: the init
# process of a container may take seconds to collect it, or never do it.
_KEEPER = """
trap '' HUP INT TERM
targets=
while read -r word target; do
    case $word in
        watch) targets="$targets $target" ;;
        release) exit 0 ;;
    esac
done
alive() {
    for target in $targets; do
        kill -s 0 -- "$target" 2>/dev/null || continue
        { read -r status < "/proc/$target/stat"; } 2>/dev/null || return 0
        case ${status##*) } in [ZX]*) ;; *) return 0 ;; esac
    done
    return 1
}
end() {
    for target in $targets; do kill -s "$1" -- "$target" 2>/dev/null; done
    waits=$2
    while [ "$waits" -gt 0 ] && alive; do sleep 0.05; waits=$((waits - 1)); done
}
end "$2" "$3"
end KILL 10
[ -n "$1" ] || exit 0
for attempt in 1 2 3 4 5; do rm -rf -- "$1" 2>/dev/null && break; sleep 0.2; done
"""

_REGISTER = 'echo "watch $0$$" >&0; exec "$@" </dev/null'


class Tether:
    """The line to one keeper: a shell in its own session that acts when the other end of its pipe is closed.

    The kernel closes our end however we die, SIGKILL included; unlike PR_SET_PDEATHSIG it does not matter which thread
    started what is watched.
    """

    def __init__(self, *, remove: Path | None = None, first_signal: str = "TERM", patience_s: float = 5.0) -> None:
        keeper = ["/bin/sh", "-c", _KEEPER, "seachange-keeper", str(remove or ""), first_signal, str(round(patience_s * 20))]
        reading, self._writing = os.pipe()
        try:
            # No descriptor of ours may stay open in the keeper: whoever reads our output waits for its end.
            self._keeper = subprocess.Popen(
                keeper,
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": "/usr/bin:/bin"},
                start_new_session=True,
            )
        except BaseException:
            os.close(self._writing)
            raise
        finally:
            os.close(reading)

    def fileno(self) -> int:
        """Return our end of the pipe, to be the standard input of a wrapped program."""
        return self._writing

    def wrap(self, arguments: Sequence[str | Path], *, group: bool = True) -> list[str]:
        """Return a command that makes itself known to the keeper before it becomes the program.

        Start it with ``stdin=tether.fileno()``, and with ``process_group=0`` or ``start_new_session=True`` when ``group``.
        There is then no moment in which the program runs unwatched. The program gets an empty standard input.

        :param arguments: the program and its arguments.
        :param group: the keeper ends the process group and not only the process.
        """
        return ["/bin/sh", "-c", _REGISTER, "-" if group else "", *map(str, arguments)]

    def watch(self, *, pid: int | None = None, group: int | None = None) -> None:
        """Add a process, or a process group, that the keeper ends when this process is gone."""
        targets = [str(pid)] if pid else []
        if group:
            targets.append(f"-{group}")
        for target in targets:
            self._send(f"watch {target}\n")

    def release(self) -> None:
        """Dismiss the keeper: nothing is ended or removed any more."""
        if self._writing < 0:
            return
        self._send("release\n")
        os.close(self._writing)
        self._writing = -1
        self._keeper.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def _send(self, line: str) -> None:
        # A keeper that somebody killed cannot be told anything, and needs to be told nothing.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writing, line.encode())


def tether(
    *,
    pid: int | None = None,
    group: int | None = None,
    remove: Path | None = None,
    first_signal: str = "TERM",
    patience_s: float = 5.0,
) -> Tether:
    """Start a keeper that ends ``pid`` and ``group`` and then removes a folder when this process is gone.

    :param pid: a process to end.
    :param group: a process group to end.
    :param remove: a folder to remove after that.
    :param first_signal: what to send first; SIGKILL follows.
    :param patience_s: how long to wait between the two.
    :returns: the tether; ``release()`` it (or leave its ``with`` block) when the work is done.
    """
    made = Tether(remove=remove, first_signal=first_signal, patience_s=patience_s)
    made.watch(pid=pid, group=group)
    return made
