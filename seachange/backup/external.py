"""Backups that another tool makes, pgBackRest or WAL-G: listed by its own command, and judged before they are relied on."""

from __future__ import annotations

import datetime
import logging
import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.backup._listings import ExternalBackup, read_listing
from seachange.config import Settings
from seachange.errors import BackupInvalidError, BinaryNotFoundError, ConfigError, RefusedError, SeachangeError

if TYPE_CHECKING:
    from seachange.postgres.connection import ServerInfo

__all__ = ["ExternalBackup", "age_text", "list_external", "require_external"]

log = logging.getLogger(__name__)

# Clocks of two machines may differ by so much; what is dated later says nothing about its age.
_CLOCKS_DIFFER_S = 300.0


def list_external(settings: Settings) -> tuple[ExternalBackup, ...]:
    """Return the backups that the command of setting ``backup_external`` lists, newest first.

    :param settings: the command; ``stall_timeout`` bounds how long it may take.
    :returns: none where there is no such setting.
    :raises ConfigError: the command cannot be read.
    :raises BinaryNotFoundError: there is no such program.
    :raises ProgramFailedError: it failed.
    :raises TimeoutExceededError: it took too long.
    :raises BackupInvalidError: what it printed is not understood, or says that something is wrong.
    """
    from seachange.postgres.programs import run

    if not settings.backup_external:
        return ()
    program, *arguments = _command(settings)
    done = run(_executable(program, settings), arguments, timeout_s=settings.stall_timeout / 1000, env=dict(settings.environment))
    try:
        return read_listing(done.stdout.decode("utf-8", "replace"))
    except BackupInvalidError as exc:
        raise BackupInvalidError(f"{program}: {exc.message}", hint=exc.hint) from exc


def require_external(settings: Settings, server: ServerInfo, *, now: datetime.datetime) -> ExternalBackup:
    """Return the last backup of another tool, once it is sure that it may be relied on.

    :param settings: the command, and how old the backup may be (``backup_external_max_age``).
    :param server: the server that is about to be changed; backups of another one do not count.
    :param now: the time in UTC.
    :raises RefusedError: the last backup failed, is too old or of another server, or nothing is known about it.
    """
    try:
        found = _of_this_server(list_external(settings), server)
    except (ConfigError, RefusedError):
        raise
    except SeachangeError as exc:
        raise RefusedError(f"the backups of backup_external cannot be checked: {exc.message}", hint=exc.hint or _LOOK) from exc
    if not found:
        raise RefusedError("backup_external lists no backup", hint="make one with that tool, or unset backup_external")
    _judge(found[0], settings, server, now=now)
    log.info("the backup %s of %s is %s old", found[0].name, found[0].tool, age_text(found[0].age_s(now)))
    return found[0]


_LOOK = "run the command of backup_external by hand, as the same user"


def age_text(seconds: float) -> str:
    """Return an age for people, such as ``2 h 10 min``.

    :param seconds: the age.
    """
    minutes = int(seconds // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (rest, "min")) if number]
    return " ".join(parts[:2]) or "less than a minute"


def _command(settings: Settings) -> list[str]:
    try:
        words = shlex.split(settings.backup_external)
    except ValueError as exc:
        raise ConfigError(f"backup_external is not a command: {exc}", hint="write it as in a shell; none is used") from exc
    if not words:
        raise ConfigError("backup_external is empty", hint="write the command that lists the backups as JSON")
    return words


def _executable(program: str, settings: Settings) -> Path:
    if os.sep in program:
        return settings.path(program)
    found = shutil.which(program, path=settings.environment.get("PATH", os.defpath))
    if found is None:
        raise BinaryNotFoundError(
            f"{program} is not installed here", hint="install it, or give its whole path in backup_external"
        )
    return Path(found)


def _of_this_server(backups: tuple[ExternalBackup, ...], server: ServerInfo) -> tuple[ExternalBackup, ...]:
    sources = {backup.source for backup in backups}
    if len(sources) < 2:
        return backups
    own = tuple(backup for backup in backups if server.system_identifier and backup.system_identifier == server.system_identifier)
    if not own:
        raise RefusedError(
            f"backup_external lists {len(sources)} stanzas ({', '.join(sorted(sources))}), none known to be of this server",
            hint="name one: --stanza=NAME",
        )
    return own


def _judge(backup: ExternalBackup, settings: Settings, server: ServerInfo, *, now: datetime.datetime) -> None:
    name = f"the last backup of {backup.tool}, {backup.name},"
    if backup.problem:
        raise RefusedError(f"{name} cannot be relied on: {backup.problem}", hint=f"make a new one with {backup.tool}")
    identifiers = (backup.system_identifier, server.system_identifier)
    if all(identifiers) and identifiers[0] != identifiers[1]:
        raise RefusedError(
            f"{name} is of another server: system identifier {identifiers[0]} instead of {identifiers[1]}",
            hint="name the stanza or storage of this server in backup_external",
        )
    if backup.databases and server.database not in backup.databases:
        raise RefusedError(f"{name} does not hold the database {server.database!r}", hint="back it up, too")
    age_s, allowed_s = backup.age_s(now), settings.backup_external_max_age / 1000
    if age_s > allowed_s:
        raise RefusedError(
            f"{name} is {age_text(age_s)} old; no more than {age_text(allowed_s)} is allowed",
            hint=f"make a new one with {backup.tool}, or raise backup_external_max_age",
        )
    if age_s < -_CLOCKS_DIFFER_S:
        raise RefusedError(f"{name} is dated {age_text(-age_s)} in the future", hint="set the clocks of both machines right")
