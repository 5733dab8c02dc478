"""Heads, rebase and merge: the working tree beside the base branch, known databases asked, the result tried on a throwaway."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import ConfigError, RefusedError, RevisionRejectedError
from seachange.revisions.heads import Base, Heads, added, join, read_heads
from seachange.revisions.history import History, read_history
from seachange.workflow._line import try_line
from seachange.workflow.branch import find_base
from seachange.workflow.known import require_unapplied

if TYPE_CHECKING:
    from seachange.revisions.merge import Merge
    from seachange.revisions.rebase import Rebase

__all__ = ["Compared", "Rebased", "compare_heads", "merge", "rebase", "require_valid"]

Progress = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
    """The heads, and the base branch that they were compared with; ``note`` says why there is none."""

    heads: Heads
    base: Base | None
    note: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rebased:
    """What a rebase did, or would do; ``facts`` are sentences, ``diff`` is what ``git apply`` takes."""

    plan: Rebase
    facts: tuple[str, ...]
    diff: str


def compare_heads(settings: Settings, *, base: str = "", required: bool = False) -> Compared:
    """Return the heads of the working tree and of the base branch.

    :param settings: the project's settings.
    :param base: the base branch, if not that of the settings or a usual one.
    :param required: whether a clone that is too shallow to tell is an error.
    :raises ConfigError: the base branch that is named cannot be compared with.
    """
    history = read_history(settings)
    branch = find_base(settings, history, name=base, required=required)
    return Compared(heads=read_heads(history, branch.base), base=branch.base, note=branch.note)


def rebase(
    settings: Settings,
    *,
    revisions: Iterable[str] = (),
    onto: str = "",
    base: str = "",
    offline: bool = False,
    trial: bool = True,
    dry_run: bool = False,
    progress: Progress = lambda _: None,
) -> Rebased:
    """Put revisions of mine after the other head, in one line, and try them there.

    :param settings: the project's settings.
    :param revisions: which, or the starts of their ids; by default those that the base branch has not.
    :param onto: the head to follow; the only other one by default.
    :param base: the base branch, if not that of the settings or a usual one.
    :param offline: whether a known database that cannot be asked is left out.
    :param trial: whether to run them on a throwaway server before the files stay.
    :param dry_run: whether to stop before anything is written.
    :param progress: told what is being done.
    :raises RefusedError: a known database has applied one of them, cannot be asked, or others have them.
    :raises RevisionRejectedError: they fail after the other head; the files are as they were.
    """
    from seachange.revisions.changes import unified_diff, written
    from seachange.revisions.rebase import plan_rebase

    history = read_history(settings)
    branch = find_base(settings, history, name=base)
    chosen = _chosen(history, branch.base, revisions, note=branch.note)
    plan = plan_rebase(history, moved=chosen, now=_now(settings), onto=onto)
    if not plan.moves:
        return Rebased(plan=plan, facts=(), diff="")
    _require_unpublished(branch.base, (move.revision for move in plan.moves))
    whole = join(history, branch.base.missing if branch.base else ())
    facts = require_unapplied(settings, whole, (move.revision for move in plan.moves), offline=offline)
    diff = unified_diff(plan.changes, root=settings.root)
    if dry_run:
        return Rebased(plan=plan, facts=facts, diff=diff)
    with written(plan.changes):
        new = read_history(settings)
        require_valid(history, new)
        facts += try_line(settings, new, plan, progress=progress) if trial else ()
    return Rebased(plan=plan, facts=facts, diff=diff)


def merge(
    settings: Settings, *, revisions: Iterable[str] = (), name: str = "", location: str = "", dry_run: bool = False
) -> Merge:
    """Write a revision that joins heads.

    :param settings: the project's settings.
    :param revisions: the heads, or the starts of their ids; by default those that should be one.
    :param name: what to call it.
    :param location: the version location to write to.
    :param dry_run: whether to stop before the file is written.
    :raises RefusedError: there is nothing to join, or it is not plain what.
    """
    from seachange.revisions.merge import plan_merge, write_merge
    from seachange.revisions.project import open_project

    project = open_project(settings)
    planned = plan_merge(project, read_history(settings), revisions=revisions, name=name, location=location)
    if not dry_run:
        write_merge(project, planned)
    return planned


def _chosen(history: History, base: Base | None, revisions: Iterable[str], *, note: str) -> tuple[str, ...]:
    if named := tuple(history.find(name).revision for name in revisions):
        return named
    groups = history.rivals
    if not groups:
        _require_up_to_date(history, base)
        return ()
    if base is None:
        raise ConfigError(f"which revisions are yours is not known: {note}", hint="name the first of them with --revision")
    if len(groups) > 1:
        shown = "; ".join(", ".join(group) for group in groups)
        raise RefusedError(
            f"several branches have several heads: {shown}", hint="name your first revision of one with --revision"
        )
    lines = {each.revision for each in history.ancestors(groups[0])}
    mine = tuple(name for name in added(history, base) if name in lines)
    if not mine:
        raise RefusedError(
            f"all of the heads {', '.join(groups[0])} are published on {base.name}: others may have applied them",
            hint="join them with `invoke migration.merge`",
        )
    return mine


def _require_up_to_date(history: History, base: Base | None) -> None:
    groups = join(history, base.missing).rivals if base else ()
    if base and groups:
        there = [name for group in groups for name in group if name not in history.by_id]
        raise RefusedError(
            f"{base.name} has gone on to {', '.join(there)}, which the working tree has not",
            hint=f"`git merge {base.name}` or `git rebase {base.name}` first, then this command again",
        )


def _require_unpublished(base: Base | None, revisions: Iterable[str]) -> None:
    if base and (found := [name for name in revisions if name in base.published]):
        raise RefusedError(
            f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} published on {base.name}: others may have applied them",
            hint="move your own after them, or join the heads with `invoke migration.merge`",
        )


def require_valid(before: History, after: History) -> None:
    """Refuse files that were written if the history is worse with them.

    :param before: the revisions without them.
    :param after: the revisions with them.
    :raises RevisionRejectedError: there is an error that was not there before.
    """
    from seachange.revisions.validate import validate

    known = {(finding.code, finding.message) for finding in validate(before)}
    new = [each for each in validate(after) if each.severity == "error" and (each.code, each.message) not in known]
    # With three heads two are left, which is what was asked for and no new fault.
    if faults := [each for each in new if each.code != "several-heads" or len(after.heads) >= len(before.heads)]:
        raise RevisionRejectedError(
            f"the history would be invalid: {faults[0].message}; the files are as they were", hint=faults[0].hint
        )


def _now(settings: Settings) -> datetime.datetime:
    from seachange.revisions.project import open_project

    project = open_project(settings)
    # By Alembic's option timezone, so that new dates compare with those that Alembic wrote.
    now: datetime.datetime = project.script(project.config())._generate_create_date()
    return now
