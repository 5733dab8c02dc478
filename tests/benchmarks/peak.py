"""Back a database up and verify the backup in this process, and print how much memory it has taken at most, in bytes."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from pathlib import Path

from seachange import config
from seachange.backup.proof import verify_backup
from seachange.postgres.connection import parse
from tests.benchmarks import by_hand
from tests.benchmarks.backups import make_backup

__all__ = ["peak"]


def peak(root: Path, cache: str) -> int:
    """Do it for the database of DATABASE_URL; the peak is the kernel's, of this process alone."""
    settings = config.load(root, environ={**os.environ, "SEACHANGE_CACHE_DIR": cache})
    settings = dataclasses.replace(settings, backup_jobs=by_hand.JOBS)
    found = verify_backup(make_backup(parse(os.environ["DATABASE_URL"]), settings), settings)
    if not found.ok:
        raise AssertionError(found.problems)
    # ru_maxrss begins with the memory of the process that started this one.
    kilobytes = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    if kilobytes is None:
        raise AssertionError("/proc/self/status has no VmHWM")
    return int(kilobytes[1]) * 1024


if __name__ == "__main__":
    sys.stdout.write(f"{peak(Path(sys.argv[1]), sys.argv[2])}\n")
