"""What a move of the database would run, shown before and checked again when it is done by that plan."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seachange.errors import ConfigError, NotWritableError, PlanInvalidError, RefusedError, RevisionUnknownError
from seachange.plan import Plan, PlannedRevision, Statement
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.revisions.history import Revision
    from seachange.workflow._rehearsal.values import DowngradeRehearsal

__all__ = ["make_plan", "plan_between", "read_plan", "require_current", "require_plan", "write_plan"]

_MAKE_ANEW = "look at a new plan: invoke migration.plan --output FILE"
_UP = re.compile(r"|heads?|\+\d+|.*@heads?")
_DOWN = re.compile(r"base|-\d+")
_CONTEXT = 60
_FRESH_S = 24 * 3600.0


def make_plan(run: Run) -> Plan:
    """Return what would run between where the database is and option ``to``, by default the heads; nothing is changed.

    The SQL is learnt on a throwaway server that is brought to where the database is. With option ``try_back`` an upgrade is
    undone there again, with option ``twice`` everything is tried once more to find values that are made anew at each run.

    :raises RevisionUnknownError: the target is neither a revision nor a release, or the database is at a revision without a file.
    :raises MigrationFailedError: a revision fails on the throwaway server.
    """
    from seachange.workflow.steps._check import require_known

    server, current = run.server, run.current()
    require_known(run, current)
    target, direction = _resolve(run, str(run.options.get("to") or ""), current)
    plan = _captured(run, current, target=target, direction=direction, effects=True)
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    named = dataclasses.replace(plan, database=run.database.name, server_major=server.major, created=created)
    return _with_rehearsal(run, named) if direction == "upgrade" else named


def _with_rehearsal(run: Run, plan: Plan) -> Plan:
    """Return the plan with what a rehearsal of it has shown of the way back, where there was one on rows today."""
    from seachange.workflow.rehearsal import find_rehearsal

    found = find_rehearsal(run.settings, plan.hash, _FRESH_S) if plan.revisions else None
    if found is None or found.source.kind == "shadow":
        return plan
    shown = {each.revision: each for each in found.downgrades}
    revisions = (_rehearsed(one, shown[one.revision]) if one.revision in shown else one for one in plan.revisions)
    return dataclasses.replace(plan, revisions=tuple(revisions))


def _rehearsed(revision: PlannedRevision, shown: DowngradeRehearsal) -> PlannedRevision:
    if shown.verdict == "irreversible" or shown.verdict == "not tried":  # noqa: PLR1714 - mypy narrows only so
        return revision
    return dataclasses.replace(revision, way_back=shown.verdict, way_back_reason="; ".join(shown.reasons))


def plan_between(run: Run, current: tuple[str, ...], *, target: str) -> Plan:
    """Return the plan that leads up from ``current`` to ``target``, whatever the database is at by now.

    :param run: the run.
    :param current: the revisions that it begins at.
    :param target: as for :func:`seachange.revisions.planning.plan_upgrade`.
    :raises MigrationFailedError: a revision fails on the throwaway server.
    """
    return _captured(run, current, target=target, direction="upgrade")


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan as JSON, for :func:`read_plan`.

    :raises NotWritableError: the file cannot be written.
    """
    import json

    try:
        path.write_text(json.dumps(plan.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as exc:
        raise NotWritableError(f"the plan cannot be written to {path}: {exc.strerror}", hint="name another file") from exc


def read_plan(path: Path) -> Plan:
    """Read a plan that was written before.

    :raises ConfigError: the file cannot be read.
    :raises PlanInvalidError: it is no plan, one of another version, or was changed.
    """
    try:
        return Plan.from_json(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(
            f"--plan: {path} cannot be read: {exc.strerror}", hint="name a file of migration.plan --output"
        ) from exc
    except UnicodeDecodeError as exc:
        raise PlanInvalidError(f"--plan: {path} is not a plan: it is no text", hint=_MAKE_ANEW) from exc
    except PlanInvalidError as exc:
        raise PlanInvalidError(f"--plan: {path} is not a plan that can be run: {exc.message}", hint=exc.hint) from exc


def require_plan(run: Run, plan: Plan, *, direction: Literal["upgrade", "downgrade"]) -> str:
    """Return the target that leads the database through exactly the revisions of ``plan``, each with exactly the planned SQL.

    :param run: the run.
    :param plan: what was planned.
    :param direction: where the command leads; a plan for the other direction is refused.
    :raises RefusedError: the database is elsewhere, or the revisions are not those that were planned.
    """
    if plan.direction != direction:
        way, command = ("back", "reset") if plan.direction == "downgrade" else ("forward", "apply")
        raise RefusedError(f"the plan leads {way}, and this command does not", hint=f"invoke migration.{command} --plan FILE")
    require_current(run, plan)
    for planned in plan.revisions:
        _require_file(run, planned)
    target = _target_of(run, plan)
    found = _captured(run, plan.current, target=target, direction=plan.direction)
    for planned, now in zip(plan.revisions, found.revisions, strict=True):
        if planned.sql_hash != now.sql_hash:
            raise RefusedError(
                f"revision {planned.revision} sends other SQL than was planned: {_deviation(planned, now)}",
                hint=f"{_MAKE_ANEW}; a value that is made anew at each run (a clock, a random id) cannot be planned",
            )
    return target


def require_current(run: Run, plan: Plan) -> None:
    """Refuse a plan for a database that is elsewhere.

    :raises RefusedError: saying where it is.
    """
    at = run.current()
    if sorted(at) != sorted(plan.current):
        done = "; the plan was carried out already" if sorted(at) == sorted(plan.target) else ""
        raise RefusedError(
            f"the plan begins at {_place(plan.current)}, but {run.database.redacted} is at {_place(at)}{done}", hint=_MAKE_ANEW
        )


def _resolve(run: Run, text: str, current: tuple[str, ...]) -> tuple[str, Literal["upgrade", "downgrade"]]:
    from seachange.workflow.revert import resolve_target

    if _UP.fullmatch(text):
        return text or "heads", "upgrade"
    if _DOWN.fullmatch(text):
        return text, "downgrade"
    if any(text in revision.branch_labels for revision in run.history.revisions):
        return text, "upgrade"
    revision = resolve_target(run, text)
    applied = {one.revision for one in run.history.ancestors(current)}
    return revision, "downgrade" if revision in applied else "upgrade"


def _captured(
    run: Run, current: tuple[str, ...], *, target: str, direction: Literal["upgrade", "downgrade"], effects: bool = False
) -> Plan:
    from seachange.revisions.planning import capture, plan_downgrade, plan_upgrade
    from seachange.revisions.shadow_history import open_shadow
    from seachange.workflow.effects import capture_effects

    plan = (plan_upgrade if direction == "upgrade" else plan_downgrade)(run.history, current=current, target=target)
    if not plan.revisions:
        return plan
    try_back = bool(run.options.get("try_back")) and direction == "upgrade"
    with open_shadow(run.settings, run.history, revisions=current, major=run.server.major) as shadow:

        def once() -> Plan:
            return capture(run.settings, shadow.clone(), run.history, target=target, direction=direction)

        found = capture_effects(run, shadow.clone(), target=target, direction=direction, try_back=try_back) if effects else once()
        if run.options.get("twice"):
            found = _varying(found, once())
    return dataclasses.replace(found, current=current)


def _varying(first: Plan, second: Plan) -> Plan:
    """Return the first plan, marked where the second one of the same revisions has other SQL."""
    pairs = zip(first.revisions, second.revisions, strict=True)
    marked = tuple(dataclasses.replace(one, varies=one.sql_hash != other.sql_hash) for one, other in pairs)
    return dataclasses.replace(first, revisions=marked)


def _require_file(run: Run, planned: PlannedRevision) -> None:
    found: Revision | None = run.history.by_id.get(planned.revision)
    if found is None:
        raise RefusedError(f"revision {planned.revision} of the plan is in no file of this project", hint=_MAKE_ANEW)
    if found.content_hash != planned.content_hash:
        raise RefusedError(
            f"the file of revision {planned.revision}, {run.history.relative(found.path)}, or what it imports was changed"
            " since the plan was made",
            hint=_MAKE_ANEW,
        )


def _target_of(run: Run, plan: Plan) -> str:
    from seachange.revisions.planning import plan_downgrade, plan_upgrade

    count = len(plan.revisions)
    make = plan_upgrade if plan.direction == "upgrade" else plan_downgrade
    candidates = ("heads", f"+{count}", *plan.target) if plan.direction == "upgrade" else (f"-{count}", "base", *plan.target)
    wanted = [revision.revision for revision in plan.revisions]
    for target in candidates:
        with contextlib.suppress(RevisionUnknownError):
            found = make(run.history, current=plan.current, target=target)
            if [revision.revision for revision in found.revisions] == wanted:
                return target
    raise RefusedError(
        f"the history has changed: nothing leads from {_place(plan.current)} through exactly {', '.join(wanted) or 'nothing'}",
        hint=_MAKE_ANEW,
    )


def _deviation(planned: PlannedRevision, now: PlannedRevision) -> str:
    """Return the first statement that is another one, from a little before where it begins to differ."""
    for before, after in zip(planned.statements, now.statements, strict=False):
        if before.sql != after.sql:
            return f"at {after.where} {_excerpt(after.sql, before.sql)} instead of {_excerpt(before.sql, after.sql)}"
        if before != after:
            return f"at {after.where} {_numbers(after)} instead of {_numbers(before)}"
    if len(planned.statements) != len(now.statements):
        return f"{len(now.statements)} statements instead of {len(planned.statements)}"
    return "in values that the plan only counts"


def _numbers(statement: Statement) -> str:
    transaction = f"transaction {statement.transaction}" if statement.transaction else "outside a transaction"
    return f"{statement.count} times in {transaction}"


def _excerpt(text: str, other: str) -> str:
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(text, other, strict=False))
    begin = max(0, sum(1 for _ in same) - _CONTEXT // 3)
    return f"{'...' if begin else ''}{' '.join(text[begin : begin + _CONTEXT].split())!r}"


def _place(revisions: tuple[str, ...]) -> str:
    return " and ".join(revisions) or "an empty history"
