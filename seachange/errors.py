"""Everything a user can cause or fix, each with its exit code and its remedy."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NoReturn

__all__ = [
    "AuthenticationFailedError",
    "BackupFailedError",
    "BackupInvalidError",
    "BackupNotFoundError",
    "BackupRunningError",
    "BinaryNotFoundError",
    "CheckFoundError",
    "ConfigError",
    "ConfirmationRequiredError",
    "CopyImpossibleError",
    "DatabaseExistsError",
    "DatabaseMissingError",
    "DatabaseUrlError",
    "DecryptionFailedError",
    "EnvironmentFailedError",
    "ExitCode",
    "ExtraMissingError",
    "HistoryInvalidError",
    "InterruptedRunError",
    "IrreversibleError",
    "LockNotAcquiredError",
    "MigrationFailedError",
    "ModelsNotImportableError",
    "NoCopyError",
    "NotWritableError",
    "OutOfDiskError",
    "PlanInvalidError",
    "ProgramFailedError",
    "ProjectNotFoundError",
    "QuestionsOpenError",
    "ReadOnlyServerError",
    "RefusedError",
    "RestoreFailedError",
    "RevisionRejectedError",
    "RevisionUnknownError",
    "RowsInTheWayError",
    "SeachangeError",
    "ServerStartError",
    "ServerUnreachableError",
    "StatementFailedError",
    "StoreFailedError",
    "StoreUnreachableError",
    "TargetFailedError",
    "TimeoutExceededError",
    "TlsFailedError",
    "follows",
    "irreversible",
]


class ExitCode(enum.IntEnum):
    """What the exit status of every command means; docs/commands.md shows the same table."""

    DONE = 0
    ERROR = 1
    FOUND = 2
    REFUSED = 3
    FAILED_UNCHANGED = 4
    FAILED_CHANGED = 5
    TRY_AGAIN = 6
    INTERRUPTED = 130
    TERMINATED = 143


class SeachangeError(Exception):
    """An error that a user can cause or fix; printed as one message and one hint.

    :param message: what happened, to what, with which value; never a password.
    :param hint: the command or setting to try next.
    :param exit_code: overrides the exit code of the class.
    """

    exit_code: int = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class ConfigError(SeachangeError):
    """A setting is unknown or its value cannot be read."""


class ExtraMissingError(SeachangeError):
    """An optional library is needed that is not installed."""


class ProjectNotFoundError(SeachangeError):
    """No folder from here upwards is a project."""


class DatabaseUrlError(SeachangeError):
    """A database URL is malformed or of another dialect."""


class ServerUnreachableError(SeachangeError):
    """No server answered in time."""

    exit_code = ExitCode.TRY_AGAIN


class AuthenticationFailedError(SeachangeError):
    """The server refused the user or the password."""


class TlsFailedError(SeachangeError):
    """The encrypted connection that was asked for cannot be made."""


class DatabaseMissingError(SeachangeError):
    """The server answers, the database does not exist."""


class DatabaseExistsError(SeachangeError):
    """The database to be created exists already."""

    exit_code = ExitCode.REFUSED


class ReadOnlyServerError(SeachangeError):
    """The server is a standby or read-only."""

    exit_code = ExitCode.REFUSED


class StatementFailedError(SeachangeError):
    """The server refused a statement that is not part of a revision."""


class BinaryNotFoundError(SeachangeError):
    """No server or client program of the asked major was found."""


class ServerStartError(SeachangeError):
    """A server of ours could not be made or started."""


class ProgramFailedError(SeachangeError):
    """A client program such as pg_dump ended with an error.

    :param stderr: what the program wrote, redacted.
    """

    def __init__(
        self, message: str, *, hint: str = "", stderr: str = "", returncode: int | None = None, exit_code: int | None = None
    ) -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.stderr = stderr
        self.returncode = returncode


class LockNotAcquiredError(SeachangeError):
    """Another session holds the migration lock."""

    exit_code = ExitCode.TRY_AGAIN


class TimeoutExceededError(SeachangeError):
    """A lock or statement timeout ran out."""

    exit_code = ExitCode.TRY_AGAIN


class HistoryInvalidError(SeachangeError):
    """The revisions do not make one order."""

    exit_code = ExitCode.FOUND


class CheckFoundError(SeachangeError):
    """A check found something: pending revisions, drift, orphans, stale files."""

    exit_code = ExitCode.FOUND


class RevisionRejectedError(SeachangeError):
    """A generated revision did not stand its trial on the shadow; its file was not kept among the revisions."""

    exit_code = ExitCode.FAILED_UNCHANGED


class RevisionUnknownError(SeachangeError):
    """A revision that was named, or that the database holds, is in no file."""

    exit_code = ExitCode.FOUND


class ModelsNotImportableError(SeachangeError):
    """The models of the project cannot be imported."""


class SeveralUnitsError(SeachangeError):
    """env.py migrates several databases or schemas, and the command can only look at one."""

    exit_code = ExitCode.REFUSED


class EnvironmentFailedError(SeachangeError):
    """Alembic's env.py, or what it imports, fails before any revision runs."""


class MigrationFailedError(SeachangeError):
    """A revision failed.

    :param applied: revisions that this run applied before the failure, in order.
    :param failed: the revision that failed.
    :param not_tried: revisions after it.
    :param reason: the place, the server's words and the statement, without the state of the database.
    :param left_behind: whether part of the failed revision is in the database.
    :param in_doubt: whether its transaction may still be committed: nobody could be asked.
    """

    exit_code = ExitCode.FAILED_UNCHANGED

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        applied: tuple[str, ...] = (),
        failed: str = "",
        not_tried: tuple[str, ...] = (),
        reason: str = "",
        left_behind: bool = False,
        in_doubt: bool = False,
        exit_code: int | None = None,
    ) -> None:
        if exit_code is None and applied:
            exit_code = ExitCode.FAILED_CHANGED
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.applied = applied
        self.failed = failed
        self.not_tried = not_tried
        self.reason = reason or message
        self.left_behind = left_behind
        self.in_doubt = in_doubt


class RowsInTheWayError(MigrationFailedError):
    """The rows of the database are not what a pending revision needs; it was not begun.

    :param findings: what was found, as values.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        applied: tuple[str, ...] = (),
        failed: str = "",
        not_tried: tuple[str, ...] = (),
        findings: Sequence[object] = (),
    ) -> None:
        super().__init__(message, hint=hint, applied=applied, failed=failed, not_tried=not_tried)
        self.findings = tuple(findings)


class BackupFailedError(SeachangeError):
    """A backup could not be made; nothing that looks like one was left."""


class BackupRunningError(SeachangeError):
    """Another run makes a backup of the same database."""

    exit_code = ExitCode.TRY_AGAIN


class BackupInvalidError(SeachangeError):
    """A backup is damaged, incomplete or of an unknown format."""


class BackupNotFoundError(SeachangeError):
    """No backup has the name that was asked for."""


class DecryptionFailedError(SeachangeError):
    """An encrypted backup cannot be read with the keys at hand."""


class OutOfDiskError(BackupFailedError):
    """The disk is full, or would be."""


class CopyImpossibleError(SeachangeError):
    """This machine cannot hold a restored copy; it says nothing about the backup."""


class RestoreFailedError(SeachangeError):
    """A backup could not be restored; the half-restored new database was removed, no other was touched."""

    exit_code = ExitCode.FAILED_UNCHANGED


class StoreFailedError(SeachangeError):
    """The remote place of backups refused something, or is not there."""


class StoreUnreachableError(StoreFailedError):
    """The remote place of backups does not answer, or too late."""

    exit_code = ExitCode.TRY_AGAIN


class TargetFailedError(SeachangeError):
    """An artefact cannot be made from this schema, or its generator failed.

    :param findings: the places that are to blame, as values.
    """

    def __init__(self, message: str, *, hint: str = "", findings: Sequence[object] = ()) -> None:
        super().__init__(message, hint=hint)
        self.findings = tuple(findings)


class NoCopyError(SeachangeError):
    """There is no copy of the database that revisions could be rehearsed on."""


class NotWritableError(SeachangeError):
    """A file or folder of the project cannot be written."""


class RefusedError(SeachangeError):
    """Policy forbids the command here."""

    exit_code = ExitCode.REFUSED


class IrreversibleError(RefusedError):
    """A revision says that it cannot be undone."""


def irreversible(why: str) -> NoReturn:
    """Say in ``downgrade()`` that a revision cannot be undone; what plans, checks and reverts reads it without running it.

    :param why: the reason, for people.
    :raises IrreversibleError: always.
    """
    raise IrreversibleError(why, hint="restore a backup from before it (`invoke db.restore`)")


class PlanInvalidError(RefusedError):
    """A file is no plan, or not the plan that was written."""


class ConfirmationRequiredError(RefusedError):
    """The command needs a yes that was not given."""


class QuestionsOpenError(RefusedError):
    """A change can be meant in several ways, and nobody has said which.

    :param questions: the questions, as values.
    :param facts: the questions and their answers, as sentences.
    """

    def __init__(self, message: str, *, hint: str = "", questions: Sequence[object] = (), facts: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.questions = tuple(questions)
        self.facts = facts


class InterruptedRunError(SeachangeError):
    """Ctrl-C or SIGTERM ended the run."""

    exit_code = ExitCode.INTERRUPTED


def follows(exc: BaseException, kind: type[BaseException]) -> bool:
    """Return whether an error is of a kind, or came while one of that kind was dealt with.

    :param exc: the error.
    :param kind: such as KeyboardInterrupt.
    """
    found: BaseException | None = exc
    while found is not None and not isinstance(found, kind):
        found = found.__context__
    return found is not None
