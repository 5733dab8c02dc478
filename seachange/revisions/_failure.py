"""What a failed revision means: the server's words, the statement, the place, and what is left in the database."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seachange.errors import ExitCode, InterruptedRunError, MigrationFailedError, RefusedError, SeachangeError
from seachange.postgres.drivers import sqlstate_of, words_of
from seachange.postgres.redaction import redact
from seachange.revisions._doubt import Verdict
from seachange.revisions._finding import some
from seachange.revisions._revision import Revision
from seachange.revisions._statements import StatementWatch, shorten
from seachange.revisions._where import find_place, find_place_in

__all__ = ["Progress", "failing_on_throwaway", "interrupted_error", "migration_error"]

_INSIDE_TRANSACTION = "25001"
_DUPLICATE_OBJECT = "42710"
_MAKES_ROLE = re.compile(r"\s*create\s+(role|user|group)\b", re.IGNORECASE)
_UNDEFINED_TABLE = "42P01"
# 55P03 lock_not_available, 57014 query_canceled (statement_timeout), 40P01 deadlock_detected, 40001 serialization_failure.
_PASSING = ("55P03", "57014", "40P01", "40001")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run was when a revision failed; ``current`` is None when the database cannot be asked any more."""

    root: Path
    revision: Revision
    downgrade: bool
    applied: tuple[str, ...]
    not_tried: tuple[str, ...]
    current: tuple[str, ...] | None
    unit: str = ""

    @property
    def verb(self) -> str:
        """What the run does with revisions."""
        return "reverted" if self.downgrade else "applied"

    @property
    def place(self) -> str:
        """Which of several databases or schemas it is about."""
        return f" in {self.unit}" if self.unit else ""


def migration_error(
    exc: BaseException, progress: Progress, *, watch: StatementWatch, blocked_by: str = "", verdict: Verdict | None = None
) -> MigrationFailedError:
    """Return the error that says everything about a revision that failed.

    :param exc: what was raised.
    :param progress: where the run was.
    :param watch: what the revision had done before.
    :param blocked_by: who held the lock that it waited for.
    :param verdict: what became of its transaction, if the connection broke at COMMIT.
    """
    revision, sqlstate = progress.revision, sqlstate_of(exc)
    place = find_place_in(traceback.extract_tb(exc.__traceback__), revision.path, root=progress.root)
    place = place or find_place(exc, root=progress.root)
    committed = watch.committed and not (verdict and verdict.status == "aborted")
    left_behind = committed or (watch.concurrent and bool(watch.statement) and not sqlstate.startswith("42"))
    parts = [f"{f'at {place}: ' if place else ''}{_words(exc, sqlstate)}"]
    if statement := getattr(exc, "statement", None) or watch.statement:
        parts.append(f"statement: {redact(shorten(statement))}")
    if blocked_by:
        parts.append(f"blocked by {redact(blocked_by)}")
    if verdict is not None:
        parts.append(f"the connection broke at COMMIT, and {verdict}")
    part_there = left_behind or watch.resumed
    reason, state = "; ".join(parts), _state(progress, left_behind=part_there)
    if presumed := _presumed(exc, progress):
        return MigrationFailedError(
            presumed,
            hint="then run the command again; databases that have the table already are beyond such a revision",
            failed=revision.revision,
            not_tried=progress.not_tried,
            reason=presumed,
            exit_code=_exit_code(progress, sqlstate, left_behind=left_behind),
        )
    return MigrationFailedError(
        f"revision {revision.revision} was not {progress.verb}{progress.place}: {reason}; {state}",
        hint=_resumable(exc, progress)
        if part_there and watch.recorded
        else _hint(progress, sqlstate, left_behind=left_behind, concurrent=watch.concurrent, statement=statement),
        applied=progress.applied,
        failed=revision.revision,
        not_tried=progress.not_tried,
        reason=reason,
        left_behind=left_behind,
        in_doubt=progress.current is None or (verdict is not None and verdict.status not in ("committed", "aborted")),
        exit_code=_exit_code(progress, sqlstate, left_behind=left_behind),
    )


def interrupted_error(progress: Progress, *, watch: StatementWatch) -> InterruptedRunError:
    """Return the error that says in which state an interruption leaves the database."""
    revision = progress.revision
    state = _state(progress, left_behind=watch.committed or (watch.concurrent and bool(watch.statement)))
    return InterruptedRunError(
        f"interrupted while revision {revision.revision} was being {progress.verb}{progress.place}; {state}",
        hint="run the command again to go on from there",
    )


def _presumed(exc: BaseException, progress: Progress) -> str:
    """Return what is wrong with a history whose first revision changes a table that nothing has made."""
    revision = progress.revision
    if sqlstate_of(exc) != _UNDEFINED_TABLE or progress.downgrade or revision.down_revisions or progress.current:
        return ""
    named = re.search(r"[\"«„](.+?)[\"»“]", words_of(exc)[0])
    table = f"the table {named[1]}" if named else "a table"
    return (
        f"the first revision, {revision.revision}, needs {table}, which no revision makes: "
        f"put a revision that creates it before {revision.revision}, or load the schema that was there before the history began"
    )


def _words(exc: BaseException, sqlstate: str) -> str:
    if isinstance(exc, SeachangeError):
        return exc.message
    primary, detail = words_of(exc)
    if not primary:
        original: Any = getattr(exc, "orig", None) or exc
        text = " ".join(str(original).split()) or type(original).__name__
        return redact(text if sqlstate else f"{type(original).__name__}: {text}")
    return redact(f"{primary}{f' ({detail})' if detail else ''} [SQLSTATE {sqlstate}]")


def _state(progress: Progress, *, left_behind: bool) -> str:
    place = "the database cannot be asked where it is"
    if progress.current is not None:
        place = f"{progress.unit or 'the database'} is at {' and '.join(progress.current) or 'an empty history'}"
    if left_behind:
        place += ", with part of the failed revision in it: that was outside a transaction"
    if progress.applied:
        place += f"; {progress.verb} before it: {', '.join(progress.applied)}"
    if progress.not_tried:
        place += f"; not tried: {some(progress.not_tried)}"
    return place


def _hint(progress: Progress, sqlstate: str, *, left_behind: bool, concurrent: bool, statement: str) -> str:
    if sqlstate == _INSIDE_TRANSACTION:
        return (
            "write `with op.get_context().autocommit_block():` around the statement; a COMMIT of its own does not help, "
            "because the driver begins the next transaction by itself"
        )
    if sqlstate == _DUPLICATE_OBJECT and _MAKES_ROLE.match(statement):
        return (
            "a role belongs to the whole server, and another of its databases may have it: let the revision look into pg_roles "
            "before it makes one, and leave it there on the way back"
        )
    if left_behind and concurrent:
        return (
            "run the command again when the cause is gone: an INVALID index of that name is dropped first "
            "(`invoke db.integrity` lists what else a broken build leaves)"
        )
    if left_behind:
        return "undo by hand what it did, or mend the revision so that it can run again on top of it"
    if sqlstate in _PASSING:
        return (
            "try again when the blocking session has ended; lock_timeout, statement_timeout and MIGRATION_TIMEOUT can be raised"
        )
    return f"mend {progress.revision.path.name} and run the command again; it goes on from where the database is"


def _resumable(exc: BaseException, progress: Progress) -> str:
    if isinstance(exc, RefusedError):
        return exc.hint
    return (
        f"when the cause is gone, or mended in {progress.revision.path.name}, run the command again: what was committed is not"
        " sent again; or take that back: invoke migration.rollback"
    )


def _exit_code(progress: Progress, sqlstate: str, *, left_behind: bool) -> int:
    if left_behind or progress.applied:
        return ExitCode.FAILED_CHANGED
    return ExitCode.TRY_AGAIN if sqlstate in _PASSING else ExitCode.FAILED_UNCHANGED


@contextlib.contextmanager
def failing_on_throwaway() -> Iterator[None]:
    """Say of a revision that fails in the block that this was on a throwaway server and touched no other.

    :raises MigrationFailedError: one fails.
    :raises InterruptedRunError: the run was interrupted.
    """
    try:
        yield
    except InterruptedRunError as exc:
        raise InterruptedRunError(
            "stopped while revisions were tried on a throwaway server; your database was not touched"
        ) from exc
    except MigrationFailedError as exc:
        raise MigrationFailedError(
            f"revision {exc.failed} fails on an empty throwaway server: {exc.reason}; your database was not touched",
            hint=f"mend the file of {exc.failed}: the history has to lead from nothing to its head",
            failed=exc.failed,
            not_tried=exc.not_tried,
            reason=exc.reason,
            exit_code=ExitCode.FAILED_UNCHANGED,
        ) from exc
