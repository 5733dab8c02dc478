"""Which revisions lead from where a database is to where it shall be."""

from __future__ import annotations

import re
from collections.abc import Iterable

from seachange.errors import HistoryInvalidError, RevisionUnknownError
from seachange.revisions._revision import Revision
from seachange.revisions.history import History

__all__ = ["require_known", "require_order", "to_downgrade", "to_upgrade"]

_RELATIVE = re.compile(r"[+-]\d+")


def to_upgrade(history: History, current: Iterable[str], target: str) -> tuple[Revision, ...]:
    """Return the revisions to run, oldest first.

    :param current: the revisions that the version table holds.
    :param target: ``heads``, ``head``, a revision or the start of its id, a branch label, or ``+N``.
    :raises HistoryInvalidError: the history is no order, or ``head`` is asked for and there are several.
    :raises RevisionUnknownError: the target or a revision of the database is in no file.
    """
    require_order(history)
    current = require_known(history, current)
    if _RELATIVE.fullmatch(target) and target.startswith("+"):
        return history.between(current, history.heads)[: int(target)]
    return history.between(current, _heads(history, target))


def to_downgrade(history: History, current: Iterable[str], target: str) -> tuple[Revision, ...]:
    """Return the revisions to undo, newest first.

    :param current: the revisions that the version table holds.
    :param target: ``base``, a revision or the start of its id, or ``-N``.
    :raises HistoryInvalidError: the history is no order.
    :raises RevisionUnknownError: the target is unknown, or not applied.
    """
    require_order(history)
    applied = history.ancestors(require_known(history, current))
    newest_first = tuple(reversed(applied))
    if target == "base":
        return newest_first
    if _RELATIVE.fullmatch(target):
        return newest_first[: -int(target)] if target.startswith("-") else ()
    kept = history.find(target)
    if kept not in applied:
        raise RevisionUnknownError(
            f"revision {kept.revision} is not applied, so there is no way back to it",
            hint="`invoke migration.show` lists what is applied",
        )
    above = history.descendants([kept.revision])
    return tuple(revision for revision in newest_first if revision in above and revision != kept)


def require_order(history: History) -> None:
    """Refuse a history that cannot be run.

    :raises HistoryInvalidError: a file is unusable, an id is taken twice, or the links are broken.
    """
    reasons = [finding.message for finding in history.findings]
    reasons += [f"revision {revision.revision} is in two files" for revision in history.duplicates]
    reasons += [f"revision {revision.revision} is part of a circle" for revision in history.unordered]
    reasons += [
        f"revision {revision.revision} follows {parent}, which is in no file"
        for revision in history.revisions
        for parent in revision.down_revisions
        if parent not in history.by_id
    ]
    if reasons:
        raise HistoryInvalidError(
            f"the history cannot be run: {reasons[0]}", hint="`invoke migration.validate` lists every fault with its remedy"
        )


def require_known(history: History, current: Iterable[str]) -> tuple[str, ...]:
    """Return ``current`` when every one of them has a file.

    :raises RevisionUnknownError: the database is at a revision that no file has.
    """
    names = tuple(current)
    if unknown := [name for name in names if name not in history.by_id]:
        raise RevisionUnknownError(
            f"the database is at revision {', '.join(unknown)}, which is in no file of this project",
            hint="check out the branch that has the file, or bring it back",
        )
    return names


def _heads(history: History, target: str) -> tuple[str, ...]:
    if target in ("head", "heads"):
        if target == "head" and len(history.heads) > 1:
            raise HistoryInvalidError(
                f"the history has {len(history.heads)} heads: {', '.join(history.heads)}",
                hint="`invoke migration.rebase` or `invoke migration.merge` makes them one; or name a revision or `heads`",
            )
        return history.heads
    label = target.removesuffix("@head").removesuffix("@heads")
    if labelled := [revision.revision for revision in history.revisions if label in revision.branch_labels]:
        branch = set(labelled)
        for revision in history.revisions:
            # A label goes along with what follows, not with what only depends on it.
            if branch.intersection(revision.down_revisions):
                branch.add(revision.revision)
        return tuple(name for name in history.heads if name in branch)
    return (history.find(target).revision,)
