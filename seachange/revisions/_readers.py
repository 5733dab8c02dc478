"""Reading many new revision files on all processors; run as a module it reads one share of them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seachange.revisions._facts import encode, read_facts
from seachange.revisions._headers import HeaderError

__all__ = ["read_all"]

_log = logging.getLogger(__name__)

# Starting a process takes about as long as reading this many files.
_WORTH_A_PROCESS = 500
_MOST = 8


def read_all(paths: Sequence[str]) -> dict[str, Any]:
    """Read files in several processes, if there are enough files and processors.

    :param paths: files of which nothing is known yet.
    :returns: encoded facts by the hash of the file; without files that are no revisions, and those of a process that failed.
    """
    count = min(len(paths) // _WORTH_A_PROCESS, _processors(), _MOST)
    if count < 2:
        return {}
    shares = [paths[number::count] for number in range(count)]
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(max_workers=count))
        # Stopped before the threads that wait for them are.
        processes = [stack.enter_context(_process()) for _ in shares[1:]]
        answers = [pool.submit(_answer, process, share) for process, share in zip(processes, shares[1:], strict=True)]
        found = _read(shares[0])
        for answer in answers:
            found |= answer.result()
    return found


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _process() -> Iterator[subprocess.Popen[bytes]]:
    # -P: what lies in the working directory is not imported.
    argv = [sys.executable, "-P", "-m", __name__]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def _answer(process: subprocess.Popen[bytes], share: Sequence[str]) -> dict[str, Any]:
    try:
        found = json.loads(process.communicate(json.dumps(share).encode())[0])
    except (OSError, ValueError) as exc:
        _log.debug("a process that read %d revision files failed: %s", len(share), exc)
        return {}
    return found if isinstance(found, dict) else {}


def _read(share: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in share:
        with contextlib.suppress(OSError, HeaderError):
            source = Path(path).read_bytes()
            found[hashlib.sha256(source).hexdigest()] = encode(read_facts(source, name=Path(path).name))
    return found


def _main() -> None:
    warnings.simplefilter("ignore", SyntaxWarning)
    json.dump(_read(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    _main()
