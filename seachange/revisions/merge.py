"""A revision that joins several heads and does nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.errors import RefusedError
from seachange.revisions._targets import require_order
from seachange.revisions.changes import FileChange, written
from seachange.revisions.history import History, Revision
from seachange.revisions.project import Project

if TYPE_CHECKING:
    from seachange.revisions._naming import Identity

__all__ = ["Merge", "plan_merge", "write_merge"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Merge:
    """A merge revision that is not on disk yet."""

    revision: str
    title: str
    down_revisions: tuple[str, ...]
    file: str
    path: Path = dataclasses.field(repr=False)
    change: FileChange = dataclasses.field(repr=False)


def plan_merge(project: Project, history: History, *, revisions: Iterable[str] = (), name: str = "", location: str = "") -> Merge:
    """Return the revision that joins heads, in the project's own template, under its own kind of id and file name.

    :param project: the project.
    :param history: the revisions.
    :param revisions: the heads to join, or the starts of their ids; by default those that should be one.
    :param name: what to call it; made of the heads by default.
    :param location: the version location to write to; that of the newest revision by default.
    :raises HistoryInvalidError: the history is no order.
    :raises RefusedError: there is nothing to join, or it is not plain what.
    """
    from seachange.revisions._naming import identify

    require_order(history)
    heads = _chosen(history, revisions)
    words = name or f"merge {' and '.join(each.revision for each in heads)}"
    script = project.script(project.config())
    identity = identify(history, script, name=words, location=location)
    text = _render(project, heads, identity=identity)
    change = FileChange(path=identity.path, target=identity.path, before=None, after=text.encode())
    return Merge(
        revision=identity.revision,
        title=identity.title,
        down_revisions=tuple(each.revision for each in heads),
        file=history.relative(identity.path),
        path=identity.path,
        change=change,
    )


def write_merge(project: Project, merge: Merge) -> None:
    """Write the file whole or not at all, and run the project's post_write_hooks on it.

    :raises NotWritableError: it cannot be written, or there is one of its name.
    """
    from seachange.revisions._hooks import run_hooks

    with written([merge.change]):
        run_hooks(project, merge.path)


def _chosen(history: History, revisions: Iterable[str]) -> tuple[Revision, ...]:
    named = list(dict.fromkeys(history.find(name).revision for name in revisions))
    if others := [name for name in named if name not in history.heads]:
        raise RefusedError(
            f"{', '.join(others)} {'is' if len(others) == 1 else 'are'} no head",
            hint=f"`invoke migration.heads` lists the heads: {', '.join(history.heads)}",
        )
    if len(named) == 1:
        raise RefusedError(f"{named[0]} alone cannot be joined with anything", hint="name two heads or more, or none for all")
    names = tuple(named) or _rivals(history)
    return tuple(revision for revision in history.revisions if revision.revision in names)


def _rivals(history: History) -> tuple[str, ...]:
    if len(history.heads) < 2:
        raise RefusedError(
            f"there is nothing to join: the history has {'one head, ' + history.heads[0] if history.heads else 'no revisions'}",
        )
    groups = history.rivals
    if len(groups) == 1:
        return groups[0]
    if groups:
        shown = "; ".join(", ".join(group) for group in groups)
        raise RefusedError(f"several branches have several heads: {shown}", hint="name the heads of one with --revision A,B")
    raise RefusedError(
        f"the heads {', '.join(history.heads)} belong to branches with labels of their own, which stay apart",
        hint="name them with --revision A,B to join them all the same",
    )


def _render(project: Project, heads: tuple[Revision, ...], *, identity: Identity) -> str:
    from seachange.revisions._rendering import render_file

    joined = " and ".join(f"{each.revision} ({each.title})" if each.title else each.revision for each in heads)
    values = {
        "down_revision": tuple(each.revision for each in heads),
        "imports": "",
        "upgrades": "",
        "downgrades": "",
    }
    return render_file(project, identity=identity, notes=[f"Joins {joined}; changes nothing by itself"], values=values)
