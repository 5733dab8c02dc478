"""Divide a revision into several that follow each other: their files, their links, and those of what follows them."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.revisions._rewriting import HeaderEdit
from seachange.revisions._workshop import siblings
from seachange.revisions.changes import FileChange
from seachange.revisions.history import History, Revision
from seachange.revisions.project import open_project

if TYPE_CHECKING:
    from seachange.revisions._naming import Identity

__all__ = ["NewPart", "Split", "batches", "line_width", "plan_split", "write_trial"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewPart:
    """A revision that comes after the first part.

    :param title: what it does, in words.
    :param text: its file, with the header of the revision that is divided.
    :param batches: instead of a text, what it changes in batches: code for ``table``, ``key``, ``change`` and ``rows``.
    """

    title: str
    text: str = ""
    batches: Mapping[str, str] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
    """What dividing a revision would do; ``revisions`` are the ids of all its parts, in order."""

    revisions: tuple[str, ...]
    files: tuple[str, ...]
    changes: tuple[FileChange, ...] = dataclasses.field(repr=False)


def batches(*, table: str, key: Sequence[str], change: str, rows: str) -> dict[str, str]:
    """Return what a revision changes in batches, as code; all of it is SQL with its quotes.

    :param table: the table.
    :param key: the columns of its primary key.
    :param change: what stands after SET.
    :param rows: which rows.
    """
    from seachange.revisions._formatting import format_string

    columns = "[" + ", ".join(map(format_string, key)) + "]"
    return {"table": format_string(table), "key": columns, "change": format_string(change), "rows": format_string(rows)}


def line_width(settings: Settings) -> int:
    """Return the longest line of code in this project."""
    from seachange.revisions._rendering import width_of

    return width_of(settings.root)


def plan_split(settings: Settings, history: History, revision: Revision, *, text: str, parts: Sequence[NewPart]) -> Split:
    """Return the files of a revision that is divided; it keeps its id, and what follows it follows the last part.

    :param settings: the project's settings.
    :param history: the revisions.
    :param revision: which.
    :param text: what it holds from now on.
    :param parts: what follows it.
    """
    before = revision.path.read_bytes()
    changes = [FileChange(path=revision.path, target=revision.path, before=before, after=text.encode())]
    identities = _identities(settings, history, revision, parts=parts)
    parent = revision.revision
    for identity, part in zip(identities, parts, strict=True):
        known = dataclasses.replace(identity, down_revision=parent)
        after = _hooked(settings, known, _text(revision, known, part))
        changes.append(FileChange(path=known.path, target=known.path, before=None, after=after))
        parent = identity.revision
    if parent != revision.revision:
        changes += _followers(history, revision, last=parent)
    names = (revision.revision, *(each.revision for each in identities))
    files = (revision.path, *(each.path for each in identities))
    return Split(revisions=names, files=tuple(map(history.relative, files)), changes=tuple(changes))


def write_trial(settings: Settings, revision: Revision, folder: Path, *, text: str, parts: Sequence[NewPart]) -> tuple[str, ...]:
    """Write the parts beside each other under ids of their own, so that they stand in the history beside the original.

    :param settings: the project's settings.
    :param revision: the one that is divided.
    :param folder: where to.
    :param text: what it holds from now on.
    :param parts: what follows it.
    :returns: their ids, in order.
    """
    from seachange.revisions._naming import identify

    project = open_project(settings)
    script, empty = project.script(project.config()), History(root=settings.root, revisions=(), locations=(folder,))
    names = [f"{revision.revision}_part_{number}" for number in range(1, len(parts) + 2)]
    first = HeaderEdit(text.encode(), name=revision.path.name)
    first.rename(names[0])
    (folder / revision.path.name).write_bytes(first.result())
    for sibling in siblings(revision.path)[:-1]:
        shutil.copyfile(sibling, folder / sibling.name)
    for number, part in enumerate(parts, start=1):
        made = identify(empty, script, name=part.title, location="")
        path = folder / f"{revision.path.stem}_part_{number + 1}.py"
        identity = dataclasses.replace(made, revision=names[number], down_revision=names[number - 1], path=path)
        path.write_bytes(_text(revision, identity, part))
    return tuple(names)


def _identities(settings: Settings, history: History, revision: Revision, *, parts: Sequence[NewPart]) -> list[Identity]:
    from seachange.revisions._naming import identify

    project = open_project(settings)
    script = project.script(project.config())
    found: list[Identity] = []
    for part in parts:
        taken = [each.revision for each in found]
        made = identify(history, script, name=part.title, location=revision.location, taken=taken)
        # One after the other: tools that order by the date are free to swap what has the same.
        created = made.created + datetime.timedelta(seconds=len(found))
        found.append(dataclasses.replace(made, path=revision.path.with_name(made.path.name), created=created))
    return found


def _text(revision: Revision, identity: Identity, part: NewPart) -> bytes:
    from seachange.revisions._fixed import fixed_text
    from seachange.revisions._formatting import format_string

    if part.batches is not None:
        progress = format_string(f"progress_{''.join(each if each.isalnum() else '_' for each in identity.revision.lower())}")
        return fixed_text("_batches.txt", identity, {**part.batches, "progress": progress}).encode()
    edit = HeaderEdit(part.text.encode(), name=revision.path.name)
    edit.rename(identity.revision)
    edit.follow(identity.down_revision)
    edit.date(identity.created)
    return edit.result()


def _hooked(settings: Settings, identity: Identity, text: bytes) -> bytes:
    """Return what the project's post_write_hooks make of a new file."""
    from seachange.revisions._hooks import run_hooks
    from seachange.revisions._workshop import workshop

    with workshop(settings) as folder:
        path = folder / identity.path.name
        path.write_bytes(text)
        run_hooks(open_project(settings), path)
        return path.read_bytes()


def _followers(history: History, revision: Revision, *, last: str) -> list[FileChange]:
    """Let what followed the revision, or depends on it, do so with the last part."""
    changes = []
    for each in history.by_id.values():
        follows, depends = revision.revision in each.down_revisions, revision.revision in each.depends_on
        if not follows and not depends:
            continue
        before = each.path.read_bytes()
        edit = HeaderEdit(before, name=each.path.name)
        if follows and each.merge:
            edit.refer({revision.revision: last}, name="down_revision")
        elif follows:
            edit.follow(last)
        if depends:
            edit.refer({revision.revision: last}, name="depends_on")
        changes.append(FileChange(path=each.path, target=each.path, before=before, after=edit.result()))
    return changes
