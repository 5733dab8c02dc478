"""One run of pg_restore: which one, the one error that is harmless, and its watchdog."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.backup.activity import Activity
from seachange.backup.dump import client_version
from seachange.config import Settings
from seachange.errors import ProgramFailedError, RestoreFailedError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["load_archive", "only_harmless"]

# pg_restore 17 and later sends this at start of each session, and a server below 17 rejects it.
_HARMLESS = "Command was: SET transaction_timeout = 0;"
_TRANSACTION_TIMEOUT_SINCE = 17


def load_archive(
    archive: Path,
    settings: Settings,
    *,
    database: Database,
    made_by: str,
    options: Sequence[str] = (),
    jobs: int = 1,
) -> None:
    """Load an archive of pg_dump into an empty database, and stop at the first error.

    :param archive: the archive.
    :param settings: where programs come from, ``stall_timeout``.
    :param database: the database.
    :param made_by: the version of the pg_dump that wrote the archive.
    :param options: further options of pg_restore.
    :param jobs: how many connections to use.
    :raises RestoreFailedError: the server refused something; the database is half full.
    :raises TimeoutExceededError: nothing moved for too long.
    """
    from seachange.postgres import binaries
    from seachange.postgres.connection import wait_until_reachable
    from seachange.postgres.programs import name_argument, run

    server = wait_until_reachable(database, timeout_s=settings.migration_timeout / 1000)
    # An archive is read by pg_restore of the version that wrote it, or a newer one.
    program = binaries.client(settings, "pg_restore", major=max(server.major, _major(made_by)))
    tolerant = server.major < _TRANSACTION_TIMEOUT_SINCE <= _major(client_version(program))
    arguments = [*options, f"--jobs={jobs}", name_argument(database), *([] if tolerant else ["--exit-on-error"]), str(archive)]
    try:
        with Activity(database) as activity:
            stall_timeout_s = settings.stall_timeout / 1000
            run(program, arguments, database=database, stall_timeout_s=stall_timeout_s, progress=lambda: activity.moves)
    except ProgramFailedError as exc:
        if not tolerant:
            raise RestoreFailedError(exc.message, hint=exc.hint) from exc
        if not only_harmless(exc.stderr):
            raise RestoreFailedError(_first_serious(exc), hint=exc.hint) from exc


def only_harmless(stderr: str) -> bool:
    """Whether all that pg_restore complained about is that the server does not know ``transaction_timeout``.

    :param stderr: what it wrote; its own words in English, the server's in any language.
    """
    errors = re.findall(r"^pg_restore: (?:\[[^]]*\] )*error:", stderr, re.MULTILINE)
    commands = re.findall(r"^Command was: .*$", stderr, re.MULTILINE)
    return bool(errors) and len(errors) == len(commands) and set(commands) == {_HARMLESS}


def _first_serious(exc: ProgramFailedError) -> str:
    errors = re.findall(r"^pg_restore: .*error: .*$", exc.stderr, re.MULTILINE)
    return next((line for line in errors if "transaction_timeout" not in line), exc.message)


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0
