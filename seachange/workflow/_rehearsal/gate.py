"""Apply only what was rehearsed: where setting ``require_rehearsal`` asks for that."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import MigrationFailedError, RefusedError
from seachange.workflow._rehearsal.store import kept_rehearsals, read_rehearsal
from seachange.workflow._rehearsal.telling import milliseconds, overrun_words, source_words
from seachange.workflow._rehearsal.values import Rehearsal
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.plan import Plan

__all__ = ["Rehearsed", "require_rehearsed", "requires_rehearsal"]

_REHEARSE = "`invoke migration.rehearse` here, or with --out FILE elsewhere and --rehearsal FILE here"


def requires_rehearsal(settings: Settings) -> bool:
    """Return whether an apply has to have been rehearsed: ``require_rehearsal`` in staging and production.

    :param settings: the project's settings.
    """
    return bool(settings.require_rehearsal) and settings.app_env in ("staging", "production")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What was rehearsed of what is to be applied: the plan, and what to say of it; nothing where no rehearsal is asked for."""

    plan: Plan | None = None
    facts: tuple[str, ...] = ()


def require_rehearsed(run: Run, target: str, *, plan: Plan | None = None) -> Rehearsed:
    """Refuse to apply what was not rehearsed, or not with success, or too long ago, before anything is done.

    Option ``rehearsal`` names a file with the rehearsal; without it those count that are kept below ``.seachange/``.

    :param run: the run.
    :param target: as for ``plan_upgrade``.
    :param plan: what is to be applied, if that was planned before.
    :raises RefusedError: saying what was found instead.
    """
    from seachange.revisions.planning import plan_upgrade
    from seachange.workflow.data import has_tables

    named = run.options.get("rehearsal")
    asked = named or requires_rehearsal(run.settings)
    if not asked or not plan_upgrade(run.history, current=run.current(), target=target).revisions:
        return Rehearsed()
    if not named and not has_tables(run):
        return Rehearsed(facts=("not rehearsed: the database has no tables yet",))
    if run.dry_run and "rehearse" in run.steps:
        return Rehearsed(facts=("would apply it only if the rehearsal passes",))
    run.progress("comparing what is pending with what was rehearsed")
    pending = plan or run.pending_plan
    if pending is None:
        raise MigrationFailedError(run.trace.error, hint=run.trace.hint)
    rehearsal = _named(Path(named), pending) if named else _kept(run, pending)
    _require_good(run.settings, rehearsal, plan=pending)
    age, source = _age(rehearsal), source_words(rehearsal.source)
    return Rehearsed(plan=pending, facts=(f"rehearsed {age} ago on {source}: plan {pending.hash[:12]}",))


def _named(path: Path, plan: Plan) -> Rehearsal:
    found = read_rehearsal(path)
    if found.plan_hash != plan.hash:
        raise RefusedError(
            f"{path} is a rehearsal of {found.plan_name}, and what is pending is plan {plan.hash[:12]}; nothing was applied",
            hint=f"rehearse what is pending: {_REHEARSE}",
        )
    return found


def _kept(run: Run, plan: Plan) -> Rehearsal:
    step = run.results.get("rehearse")
    if step is not None and step.data.get("plan_hash") == plan.hash:
        return Rehearsal.from_dict(step.data["rehearsal"])
    kept = kept_rehearsals(run.settings)
    found = next((each for each in kept if each.plan_hash == plan.hash), None)
    if found is not None:
        return found
    words = "there is none"
    if kept:
        words = f"the last one, of {kept[0].started}, is of {kept[0].plan_name}"
    raise RefusedError(
        f"require_rehearsal asks for a rehearsal of what is pending, plan {plan.hash[:12]}, and {words}; nothing was applied",
        hint=_REHEARSE,
    )


def _require_good(settings: Settings, rehearsal: Rehearsal, *, plan: Plan) -> None:
    limit_s = settings.require_rehearsal / 1000
    name = f"the rehearsal of plan {plan.hash[:12]}, of {rehearsal.started},"
    if limit_s and rehearsal.age_s(datetime.datetime.now(datetime.UTC)) > limit_s:
        raise RefusedError(
            f"{name} is {_age(rehearsal)} old, and require_rehearsal is {_span(limit_s)}; nothing was applied",
            hint=_REHEARSE,
        )
    if rehearsal.verdict == "over budget":
        words = "; ".join(map(overrun_words, rehearsal.over_budget))
        raise RefusedError(f"{name} went over budget: {words}; nothing was applied", hint="change the revision, or the budget")
    if rehearsal.verdict == "failed":
        checks = [each.summary or each.name for each in rehearsal.checks if each.status == "failed"]
        reason = rehearsal.error or "; ".join(checks)
        raise RefusedError(f"{name} failed: {reason}; nothing was applied", hint=rehearsal.hint)
    if rehearsal.verdict == "inconclusive":
        raise RefusedError(
            f"{name} ran on made-up rows, and on those it fails: {rehearsal.error}; nothing was applied",
            hint="make a backup (`invoke db.backup`) and rehearse on it",
        )
    if rehearsal.source.kind == "shadow":
        raise RefusedError(
            f"{name} ran on an empty database, which says nothing of rows; nothing was applied",
            hint="make a backup (`invoke db.backup`) and rehearse on it",
        )
    if rehearsal.source.rowless:
        raise RefusedError(
            f"{name} had no rows of {' and '.join(rehearsal.source.rowless)}, which the database has; nothing was applied",
            hint="make a backup (`invoke db.backup`) and rehearse on it",
        )


def _age(rehearsal: Rehearsal) -> str:
    return _span(rehearsal.age_s(datetime.datetime.now(datetime.UTC)))


def _span(seconds: float) -> str:
    return milliseconds(seconds * 1000) if seconds < 7200 else f"{seconds / 3600:.0f} h"
