"""What data a way back takes with it: tried on a throwaway server, counted in the database itself."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from seachange.errors import InterruptedRunError, RefusedError, SeachangeError
from seachange.plan import Plan, Statement
from seachange.workflow._counting import Count, Counting, effect_of
from seachange.workflow._stored import Gone, gone, read_stored
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database
    from seachange.workflow._stored import Stored

__all__ = ["Loss", "Preview", "preview"]


_LONGEST = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loss:
    """One thing that goes, and the rows that it concerns.

    ``which`` says which rows; ``rows`` is None when the number is not known, and ``reason`` may say why; ``exact`` tells what was
    counted from what the planner estimates.
    """

    what: str
    which: str = ""
    rows: int | None
    exact: bool
    reason: str = ""

    @property
    def sentence(self) -> str:
        """The loss for people."""
        which = f" {self.which}" if self.which else ""
        if self.rows is None:
            return f"{self.what}: an unknown number of rows{which}{f' ({self.reason})' if self.reason else ''}"
        words = f"{self.rows or 'no'} {'row' if self.rows == 1 else 'rows'}{which}"
        return f"{self.what}: {words if self.exact else f'about {words}, as the planner estimates'}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preview:
    """A way back with its SQL, and what it takes with it; ``problem`` says why that could not be found."""

    plan: Plan
    losses: tuple[Loss, ...] = ()
    problem: str = ""

    def told(self, verb: str = "goes") -> tuple[str, ...]:
        """Return what goes, for people.

        :param verb: ``goes``, or ``gone`` when it happened.
        """
        if self.problem:
            return (f"what data goes is not known: {self.problem}",)
        return tuple(f"{verb}: {loss.sentence}" for loss in self.losses) or ("no data goes",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Tried:
    """The way back as it went on a throwaway server."""

    plan: Plan
    gone: tuple[Gone, ...]
    effects: tuple[tuple[Statement, str], ...]


def preview(run: Run, plan: Plan, *, target: str) -> Preview:
    """Return what reverting takes with it; the database is only read.

    Where no throwaway server is to be had, or the way back fails on it, the preview says so and nothing of the losses.

    :param run: the run.
    :param plan: the way back.
    :param target: where it leads, as for :func:`seachange.revisions.planning.plan_downgrade`.
    :raises RefusedError: a revision cannot be undone.
    """
    from seachange.postgres.connection import connect

    try:
        tried = _tried(run, plan, target=target)
    except (RefusedError, InterruptedRunError):
        raise
    except SeachangeError as exc:
        return Preview(plan=plan, problem=exc.message)
    with contextlib.closing(connect(run.database, autocommit=True)) as connection:
        counting = Counting(connection)
        losses = (
            *(_of_schema(each, counting.of(each)) for each in tried.gone),
            *(_of_rows(each, counting.by(each), effect=effect) for each, effect in tried.effects),
            *(_elsewhere(name) for name in run.settings.databases[1:]),
        )
    return Preview(plan=tried.plan, losses=losses)


def _tried(run: Run, plan: Plan, *, target: str) -> _Tried:
    from seachange.revisions.planning import capture
    from seachange.revisions.shadow_history import open_shadow

    with open_shadow(run.settings, run.history, revisions=plan.current, major=run.server.major) as shadow:
        clone = shadow.clone()
        before = _stored(clone)
        captured = capture(run.settings, clone, run.history, target=target, direction="downgrade")
        after = _stored(clone)
    sent = ((one, effect_of(one, before.values())) for revision in captured.revisions for one in revision.statements)
    return _Tried(
        plan=dataclasses.replace(captured, current=plan.current),
        gone=gone(before, after),
        effects=tuple((statement, effect) for statement, effect in sent if effect),
    )


def _stored(database: Database) -> dict[int, Stored]:
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(database, autocommit=True)) as connection:
        return read_stored(connection)


def _elsewhere(name: str) -> Loss:
    return Loss(what=f"what the database {name} holds", rows=None, exact=False, reason="only the first of databases is looked at")


def _of_schema(what: Gone, count: Count) -> Loss:
    from seachange.postgres.catalog import qualified

    place = qualified(*filter(None, (what.schema, what.table, what.column)))
    if not what.column:
        return _loss(f"table {place}", count)
    if not what.change:
        return _loss(f"column {place}", count, which="with a value")
    return _loss(f"column {place} {what.change}", count, which=what.which)


def _of_rows(statement: Statement, count: Count, *, effect: str) -> Loss:
    text = " ".join(statement.sql.split())
    return _loss(f"{text if len(text) <= _LONGEST else f'{text[:_LONGEST]}...'} ({statement.where})", count, which=effect)


def _loss(what: str, count: Count, *, which: str = "") -> Loss:
    return Loss(what=what, which=which, rows=count.rows, exact=count.exact, reason=count.reason)
