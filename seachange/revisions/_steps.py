"""Run revisions one by one inside env.py: each in its own transaction, tried again while a lock is in the way."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seachange.config import Settings
from seachange.errors import ExitCode, InterruptedRunError, MigrationFailedError, SeachangeError, follows
from seachange.postgres import interrupt
from seachange.postgres.drivers import sqlstate_of
from seachange.revisions._doubt import Verdict, resolve
from seachange.revisions._failure import Progress, interrupted_error, migration_error
from seachange.revisions._lookout import Lookout
from seachange.revisions._revision import Revision
from seachange.revisions._roles import Roles
from seachange.revisions._statements import Policy, StatementWatch
from seachange.revisions._timeouts import Timeouts, read_session
from seachange.revisions._tries import Tries
from seachange.revisions.ledger import Attempt, Part

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory

    from seachange.postgres.connection import Database

__all__ = ["ReconnectSignal", "StepOutcome", "Steps"]

_log = logging.getLogger(__name__)


class ReconnectSignal(BaseException):
    """The connection broke, but what it was doing is committed: go on with a new one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """How one revision went."""

    revision: str
    duration_s: float
    attempts: int
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.revision} in {self.unit}" if self.unit else self.revision


@dataclasses.dataclass(kw_only=True)
class Steps:
    """The revisions of one run, and what became of them so far.

    ``read_back`` returns what the version table holds, seen from another connection; ``seen`` is what it said last.
    """

    database: Database
    settings: Settings
    downgrade: bool
    read_back: Callable[[], tuple[str, ...]]
    on_revision: Callable[[Revision], None]
    on_retry: Callable[[str], None]
    ledger: Part | None = None
    unit: str = ""
    outcomes: list[StepOutcome] = dataclasses.field(default_factory=list)
    seen: tuple[str, ...] | None = None
    watch: StatementWatch = dataclasses.field(default_factory=StatementWatch)

    def run(self, todo: tuple[Revision, ...], context: MigrationContext, arguments: Mapping[str, Any]) -> None:
        """Run ``todo`` in order, each checked on another connection before the next begins.

        :raises MigrationFailedError: one fails.
        :raises InterruptedRunError: the run was interrupted.
        :raises ReconnectSignal: the connection broke after a commit.
        """
        self.seen = None
        with self._policy(context) as policy:
            for position, revision in enumerate(todo):
                self.on_revision(revision)
                not_tried = tuple(later.revision for later in todo[position + 1 :])
                with self._failure_noted(revision):
                    step = _Step(self, revision, context=context, policy=policy, arguments=arguments, not_tried=not_tried)
                    self._run_one(step)

    @contextlib.contextmanager
    def _failure_noted(self, revision: Revision) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except (MigrationFailedError, InterruptedRunError) as exc:
            if self.ledger is not None:
                attempt = Attempt(revision=revision, downgrade=self.downgrade, duration_s=time.monotonic() - began)
                self.ledger.failed(attempt, exc)
            raise

    @contextlib.contextmanager
    def _policy(self, context: MigrationContext) -> Iterator[Policy]:
        """Put the connection of ``context`` under the policy while the block runs."""
        connection = context.connection
        if connection is None:
            raise AssertionError("revisions are run on a connection")
        from seachange.postgres.server import THROWAWAY

        session = read_session(connection, self.settings)
        with Lookout(self.database, pid=session.pid, say=self.on_retry, kill_idle=bool(self.settings.kill_blockers)) as lookout:
            self.watch.policy = Policy(
                timeouts=Timeouts(self.settings, session),
                lookout=lookout,
                say=self.on_retry,
                patience_s=self.settings.migration_timeout / 1000,
                roles=Roles() if session.cluster_name == THROWAWAY else None,
            )
            try:
                yield self.watch.policy
            finally:
                self.watch.end()
                self.watch.policy = None

    def _run_one(self, step: _Step) -> None:
        began = time.monotonic()
        attempts = step.run_until_done()
        outcome = StepOutcome(
            revision=step.revision.revision, duration_s=time.monotonic() - began, attempts=attempts, unit=self.unit
        )
        self.outcomes.append(outcome)
        verb = "reverted" if self.downgrade else "applied"
        _log.info("%s %s in %.2f s", verb, outcome.revision, outcome.duration_s, extra={"step": dataclasses.asdict(outcome)})
        if step.broken:
            raise ReconnectSignal


class _Step:
    """One revision under way."""

    def __init__(
        self,
        steps: Steps,
        revision: Revision,
        *,
        context: MigrationContext,
        policy: Policy,
        arguments: Mapping[str, Any],
        not_tried: tuple[str, ...],
    ) -> None:
        self.revision = revision
        self.broken = False
        self._steps = steps
        self._context = context
        self._lookout = policy.lookout
        self._verdict: Verdict | None = None
        self._arguments = arguments
        self._not_tried = not_tried
        self._before = steps.seen if steps.seen is not None else self._read_back()
        self._tries = Tries(f"revision {revision.revision}", steps.settings, lookout=policy.lookout, say=policy.say)
        self._journal = steps.ledger.journal(revision, direction=self._direction) if steps.ledger is not None else None
        steps.watch.begin(self._tries)
        self._step = self._load()
        self._began = time.monotonic()

    @property
    def _direction(self) -> Literal["upgrade", "downgrade"]:
        return "downgrade" if self._steps.downgrade else "upgrade"

    def _load(self) -> RevisionStep:
        from alembic.runtime.migration import MigrationStep

        script: ScriptDirectory = self._context.opts["script"]
        make = MigrationStep.downgrade_from_script if self._steps.downgrade else MigrationStep.upgrade_from_script
        try:
            return make(script.revision_map, script.get_revision(self.revision.revision))
        except Exception as exc:
            # Alembic imports every revision file of the history at this point; any of them may fail with anything.
            raise migration_error(exc, self._progress(self._before), watch=self._steps.watch) from exc

    def run_until_done(self) -> int:
        """Run the revision, as often as it is worth it; return how often that was."""
        while not self._attempt():
            pass
        self._steps.watch.end()
        return self._tries.attempt

    def _attempt(self) -> bool:
        self._steps.watch.begin(self._tries, journal=self._journal)
        try:
            expected = self._execute()
        except (InterruptedRunError, KeyboardInterrupt) as exc:
            raise interrupted_error(self._after_failure(), watch=self._steps.watch) from exc
        except Exception as exc:
            # A revision may raise anything; what it means depends on what the database says now.
            self._lookout.end()
            # SQLAlchemy gives a connection up at Ctrl-C, and using it once more fails.
            if follows(exc, KeyboardInterrupt):
                raise interrupted_error(self._after_failure(), watch=self._steps.watch) from exc
            if sqlstate_of(exc) and not self._broken():
                self._steps.watch.note_error()
            if self._committed_all_the_same(exc):
                return True
            blocked_by = self._lookout.account
            if self._again(exc):
                return False
            raise migration_error(
                exc, self._after_failure(), watch=self._steps.watch, blocked_by=blocked_by, verdict=self._verdict
            ) from exc
        self._require(expected)
        return True

    def _execute(self) -> frozenset[str]:
        """Run the revision and move the version row in one transaction; return what the version table shall hold."""
        from alembic.runtime.migration import HeadMaintainer

        context = self._context
        maintainer = HeadMaintainer(context, self._before)  # type: ignore[no-untyped-call,unused-ignore]
        try:
            with context.begin_transaction(_per_migration=True):
                self._step.migration_fn(**self._arguments)
                self._steps.watch.note_end()
                maintainer.update_to_step(self._step)
                self._call_back(maintainer.heads)
                self._note_success()
            if context.connection is not None and context.connection.in_transaction():
                # The revision committed by itself; Alembic would leave what came after, its version row too, to be lost.
                self._steps.watch.note_commit()
                context.connection.commit()
        except BaseException:
            self._roll_back()
            raise
        return frozenset(maintainer.heads)

    def _call_back(self, heads: set[str]) -> None:
        for callback in self._context.on_version_apply_callbacks:
            callback(ctx=self._context, step=self._step.info, heads=set(heads), run_args=dict(self._arguments))

    def _note_success(self) -> None:
        ledger, connection = self._steps.ledger, self._context.connection
        if ledger is not None and connection is not None:
            duration_s = time.monotonic() - self._began
            attempt = Attempt(revision=self.revision, downgrade=self._steps.downgrade, duration_s=duration_s)
            ledger.succeeded(connection, attempt)

    def _roll_back(self) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if self._context.connection is not None:
                self._context.connection.rollback()
        except SQLAlchemyError as exc:
            _log.debug("the connection broke before the rollback: %s", exc)

    def _again(self, exc: Exception) -> bool:
        watch = self._steps.watch
        if watch.committed or watch.exhausted or watch.resumed:
            return False
        try:
            return self._tries.again(exc)
        except InterruptedRunError as interrupted:
            raise interrupted_error(self._after_failure(), watch=watch) from interrupted

    def _committed_all_the_same(self, exc: Exception) -> bool:
        """Whether only the answer to COMMIT was lost: the version table, seen from elsewhere, holds the revision."""
        if not self._broken():
            return False
        self.broken = True
        watch, settings = self._steps.watch, self._steps.settings
        if watch.xact_id:
            self._verdict = resolve(self._steps.database, watch.xact_id, timeout_s=settings.migration_timeout / 1000)
            self._steps.on_retry(f"revision {self.revision.revision}: the connection broke at COMMIT; {self._verdict}")
        moved = self._read_back() != self._before
        if moved:
            _log.warning("the connection broke, but %s is committed: %s", self.revision.revision, exc)
        return moved

    def _broken(self) -> bool:
        return self._context.connection is not None and self._context.connection.invalidated

    def _require(self, expected: frozenset[str]) -> None:
        found = self._steps.seen = self._read_back()
        if frozenset(found) == expected:
            return
        progress = self._progress(found)
        raise MigrationFailedError(
            f"revision {self.revision.revision} ran without an error, but the version table holds {', '.join(found) or 'nothing'}"
            f" and not {', '.join(sorted(expected)) or 'nothing'}: its work is lost or was recorded elsewhere",
            hint="look for rollback(), close() or a search_path of its own in the revision and in env.py",
            applied=progress.applied,
            failed=self.revision.revision,
            not_tried=self._not_tried,
            exit_code=ExitCode.FAILED_CHANGED,
        )

    def _read_back(self) -> tuple[str, ...]:
        # An interruption is noticed by the next statement of a revision, not by looking where the last one ended.
        with interrupt.shielded():
            return self._steps.read_back()

    def _after_failure(self) -> Progress:
        try:
            return self._progress(self._read_back())
        except SeachangeError as exc:
            _log.warning("the state of the database is unknown: %s", exc)
            return self._progress(None)

    def _progress(self, current: tuple[str, ...] | None) -> Progress:
        return Progress(
            root=Path(self._steps.settings.root),
            revision=self.revision,
            downgrade=self._steps.downgrade,
            applied=tuple(str(outcome) for outcome in self._steps.outcomes),
            unit=self._steps.unit,
            not_tried=self._not_tried,
            current=current,
        )
