"""Heads of a history: which of them should be one, and what is mine beside what is published on the base branch."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from seachange.plan import Finding
from seachange.revisions import _order
from seachange.revisions._headers import HeaderError, parse_header, stamp_of
from seachange.revisions.history import History, Revision

__all__ = ["Base", "Head", "Heads", "Origin", "added", "join", "read_heads", "revision_of"]

Origin = Literal["mine", "published", "not here yet", "unknown"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Base:
    """What the base branch has.

    ``published`` are the ids of all its revisions, at the merge base or at its tip; ``missing`` are those of its tip that the
    working tree has not, ``taken`` those under whose id the working tree has another file.
    """

    name: str
    commit: str
    merge_base: str
    published: frozenset[str] = dataclasses.field(repr=False)
    missing: tuple[Revision, ...] = dataclasses.field(default=(), repr=False)
    taken: tuple[Revision, ...] = dataclasses.field(default=(), repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Head:
    """A revision that no other one follows; ``branch_labels`` are those of its whole line."""

    revision: str
    title: str
    location: str
    file: str
    branch_labels: tuple[str, ...]
    origin: Origin


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heads:
    """The heads, the revisions that are mine, and what is wrong."""

    heads: tuple[Head, ...]
    mine: tuple[str, ...]
    findings: tuple[Finding, ...]


def read_heads(history: History, base: Base | None) -> Heads:
    """Return the heads of the working tree and of the base branch together.

    :param history: the revisions in the working tree.
    :param base: what the base branch has; without it nothing is known of where a revision came from.
    """
    whole = join(history, base.missing if base else ())
    heads = tuple(
        Head(
            revision=revision.revision,
            title=revision.title,
            location=revision.location,
            file=history.relative(revision.path),
            branch_labels=tuple(sorted(whole.labels(revision.revision))),
            origin=_origin(history, base, revision.revision),
        )
        for revision in (whole.by_id[name] for name in whole.heads)
    )
    findings = (
        *_same_ids(history, base),
        *_rival_heads(history, whole, base),
        *(_below_published(history, base) if base else ()),
    )
    return Heads(heads=heads, mine=added(history, base), findings=findings)


def added(history: History, base: Base | None) -> tuple[str, ...]:
    """Return the revisions that were added since the merge base, in order; none when nothing is known of it."""
    if base is None:
        return ()
    return tuple(revision.revision for revision in history.revisions if revision.revision not in base.published)


def join(history: History, missing: Iterable[Revision]) -> History:
    """Return the history with further revisions, ordered anew; those that it has already stay as they are."""
    by_id = {revision.revision: revision for revision in missing} | dict(history.by_id)
    whole = dataclasses.replace(history, revisions=tuple(by_id.values()), unordered=())
    done, left = _order.sort(whole.parents, when={name: revision.when for name, revision in by_id.items()})
    return dataclasses.replace(
        whole, revisions=tuple(by_id[name] for name in done), unordered=tuple(by_id[name] for name in left)
    )


def revision_of(source: bytes, *, path: Path, location: str) -> Revision | None:
    """Return the revision that a file of another commit holds; None when it holds none.

    :param source: the file's bytes.
    :param path: where it would be in the working tree.
    :param location: the version location, as people know it.
    """
    try:
        header, _ = parse_header(source, name=path.name)
    except HeaderError:
        return None
    fields = {field.name: getattr(header, field.name) for field in dataclasses.fields(header)}
    stamp = stamp_of(header.revision)
    digest = hashlib.sha256(source).hexdigest()
    return Revision(
        **fields, path=path, location=location, content_hash=digest, stamp=stamp_of(path.name) if stamp is None else stamp
    )


def _origin(history: History, base: Base | None, revision: str) -> Origin:
    if base is None:
        return "unknown"
    if revision not in history.by_id:
        return "not here yet"
    return "published" if revision in base.published else "mine"


def _same_ids(history: History, base: Base | None) -> Iterator[Finding]:
    """Two revisions that took the same id, as the next number is taken on two branches: only one of them would ever run."""
    pairs = [(each, each.path, "here") for each in history.duplicates]
    if base is not None:
        pairs += [(history.by_id[each.revision], each.path, f"on {base.name}") for each in base.taken]
    for here, other, where in pairs:
        first = history.by_id[here.revision].path
        yield Finding(
            code="duplicate-revision",
            message=f"{here.revision} is {history.relative(first)} here and {history.relative(other)} {where}",
            hint="give yours another id, in the file, in its name and in the down_revision of what follows it",
            file=history.relative(here.path),
            line=here.lines.get("revision", 0),
        )


def _rival_heads(history: History, whole: History, base: Base | None) -> Iterator[Finding]:
    for group in whole.rivals:
        mine = [name for name in group if _origin(history, base, name) == "mine"]
        there = [name for name in group if name not in history.by_id]
        if base and there and mine:
            yield _behind(history, base, mine=mine[0], there=there[0])
            continue
        at = whole.by_id[mine[-1] if mine else group[-1]]
        message = f"{len(group)} heads that should be one: {', '.join(group)}"
        yield Finding(
            code="several-heads",
            message=message,
            hint=_remedy(base, group, mine),
            file=history.relative(at.path),
            line=at.lines.get("down_revision", 0),
        )


def _remedy(base: Base | None, group: tuple[str, ...], mine: list[str]) -> str:
    if base is None:
        return "`invoke migration.rebase --revision ID` puts one after the other, `invoke migration.merge` joins them"
    if not mine:
        return "all are published: `invoke migration.merge` joins them"
    others = [name for name in group if name not in mine]
    if not others:
        return "`invoke migration.rebase` puts them one after the other, `invoke migration.merge` joins them"
    return f"`invoke migration.rebase` puts yours after {others[0]}; if a database has it already, `invoke migration.merge`"


def _behind(history: History, base: Base, *, mine: str, there: str) -> Finding:
    line = _order.ancestors(history.parents, (mine,))
    first = next(each for each in history.revisions if each.revision in line and each.revision not in base.published)
    parent = " and ".join(first.down_revisions) or "nothing"
    return Finding(
        code="behind-base",
        message=f"{first.revision} was added after {parent}, and the head of {base.name} is {there} by now",
        hint=f"`git merge {base.name}` or `git rebase {base.name}`, then `invoke migration.rebase` puts yours after {there}",
        file=history.relative(first.path),
        line=first.lines.get("down_revision", 0),
    )


def _below_published(history: History, base: Base) -> Iterator[Finding]:
    published = [name for name in history.by_id if name in base.published]
    below = _order.ancestors(history.parents, published)
    for revision in history.by_id.values():
        if revision.revision in below and revision.revision not in base.published:
            yield Finding(
                code="below-published",
                message=f"{revision.revision} was added before revisions that {base.name} has: their databases never run it",
                hint="give the published revision its down_revision back and put yours at the end: `invoke migration.rebase`",
                file=history.relative(revision.path),
                line=revision.lines.get("revision", 0),
            )
