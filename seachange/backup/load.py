"""Runs of pg_restore: which one, the one error that is harmless, its watchdog, and how far it is."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.backup.activity import Activity
from seachange.backup.dump import client_version
from seachange.config import Settings
from seachange.errors import ProgramFailedError, RestoreFailedError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["Archive", "Statements", "load_archive", "only_harmless", "read_statements"]

# pg_restore 17 and later sends this at start of each session, and a server below 17 rejects it.
_HARMLESS = "Command was: SET transaction_timeout = 0;"
_TRANSACTION_TIMEOUT_SINCE = 17
# One line of `pg_restore --list` for what only the data consist of, and for what names roles in its very text.
_DATA = re.compile(r"\d+; \d+ \d+ (TABLE DATA|MATERIALIZED VIEW DATA|SEQUENCE SET|BLOBS|STATISTICS DATA) ")
_PSQL = re.compile(r"^\\(?:un)?restrict \w+$", re.MULTILINE)
_LEADING = re.compile(r"\A(?:\s*--[^\n]*(?:\n|\Z))+")
_NAMES_ROLES = re.compile(r"\d+; \d+ \d+ (POLICY|USER MAPPING) ")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Archive:
    """An archive of pg_dump: a file, or a folder in the directory format; ``made_by`` is the version of pg_dump."""

    path: Path
    made_by: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statements:
    """Statements of an archive in the ``encoding`` of their database; ``codec`` is how they were read and have to be sent."""

    encoding: str
    codec: str
    texts: tuple[str, ...]


def load_archive(
    archive: Archive,
    settings: Settings,
    *,
    database: Database,
    options: Sequence[str] = (),
    with_roles: bool = True,
    jobs: int = 1,
    progress: Callable[[int], None] = lambda _bytes: None,
) -> None:
    """Load an archive of pg_dump into an empty database, and stop at the first error.

    :param archive: the archive.
    :param settings: where programs come from, ``stall_timeout``.
    :param database: the database.
    :param options: further options of pg_restore.
    :param with_roles: when false, everything that names a role is left out.
    :param jobs: how many connections to use.
    :param progress: told how large the database has become.
    :raises RestoreFailedError: the server refused something; the database is half full.
    :raises TimeoutExceededError: nothing moved for too long.
    """
    from seachange.postgres.connection import wait_until_reachable
    from seachange.postgres.programs import name_argument, run

    server = wait_until_reachable(database, timeout_s=settings.migration_timeout / 1000)
    program = _program(archive, settings, at_least=server.major)
    tolerant = server.major < _TRANSACTION_TIMEOUT_SINCE <= _major(client_version(program))
    with tempfile.TemporaryDirectory(prefix="seachange-") as folder:
        arguments = [*options, f"--jobs={jobs}", name_argument(database), *([] if tolerant else ["--exit-on-error"])]
        if not with_roles:
            chosen = _chosen(archive, program, leave_out=_NAMES_ROLES, folder=Path(folder))
            arguments += ["--no-owner", "--no-acl", f"--use-list={chosen}"]
        try:
            with Activity(database, progress=progress) as activity:
                stall_timeout_s = settings.stall_timeout / 1000
                arguments.append(str(archive.path))
                run(program, arguments, database=database, stall_timeout_s=stall_timeout_s, progress=lambda: activity.moves)
        except ProgramFailedError as exc:
            if not tolerant:
                raise RestoreFailedError(exc.message, hint=exc.hint) from exc
            if not only_harmless(exc.stderr):
                raise RestoreFailedError(_first_serious(exc), hint=exc.hint) from exc


def read_statements(archive: Archive, settings: Settings) -> Statements:
    """Return the statements of an archive that are no data, in the order of a restore.

    :param archive: the archive.
    :param settings: where programs come from.
    :raises RestoreFailedError: it cannot be read.
    """
    import postgast

    from seachange.postgres.programs import run

    program = _program(archive, settings)
    with tempfile.TemporaryDirectory(prefix="seachange-") as folder:
        chosen = _chosen(archive, program, leave_out=_DATA, folder=Path(folder))
        try:
            said = run(program, ["--file=-", f"--use-list={chosen}", str(archive.path)]).stdout
        except ProgramFailedError as exc:
            raise RestoreFailedError(exc.message, hint=exc.hint) from exc
    found = re.search(rb"^SET client_encoding = '(\w+)';$", said, re.MULTILINE)
    encoding = found[1].decode() if found else "UTF8"
    # Every encoding of a server agrees with ASCII, and what is beyond it comes back byte for byte from Latin-1.
    codec = "utf-8" if encoding == "UTF8" else "latin-1"
    parts = (_LEADING.sub("", part).strip() for part in postgast.split(_PSQL.sub("", said.decode(codec)), method="scanner"))
    return Statements(encoding=encoding, codec=codec, texts=tuple(part for part in parts if part))


def only_harmless(stderr: str) -> bool:
    """Whether all that pg_restore complained about is that the server does not know ``transaction_timeout``.

    :param stderr: what it wrote; its own words in English, the server's in any language.
    """
    errors = re.findall(r"^pg_restore: (?:\[[^]]*\] )*error:", stderr, re.MULTILINE)
    commands = re.findall(r"^Command was: .*$", stderr, re.MULTILINE)
    return bool(errors) and len(errors) == len(commands) and set(commands) == {_HARMLESS}


def _program(archive: Archive, settings: Settings, *, at_least: int = 0) -> Path:
    from seachange.postgres import binaries

    # An archive is read by pg_restore of the version that wrote it, or a newer one.
    return binaries.client(settings, "pg_restore", major=max(at_least, _major(archive.made_by)))


def _chosen(archive: Archive, program: Path, *, leave_out: re.Pattern[str], folder: Path) -> Path:
    from seachange.postgres.programs import run

    try:
        listed = run(program, ["--list", str(archive.path)]).stdout.decode("latin-1")
    except ProgramFailedError as exc:
        raise RestoreFailedError(exc.message, hint=exc.hint) from exc
    chosen = folder / "list"
    chosen.write_text("".join(f"{line}\n" for line in listed.split("\n") if not leave_out.match(line)), encoding="latin-1")
    return chosen


def _first_serious(exc: ProgramFailedError) -> str:
    errors = re.findall(r"^pg_restore: .*error: .*$", exc.stderr, re.MULTILINE)
    return next((line for line in errors if "transaction_timeout" not in line), exc.message)


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0
