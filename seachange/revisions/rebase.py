"""Put revisions of mine after the other head: which, where, under which ids, and what their files will hold."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path

from seachange.errors import RefusedError
from seachange.revisions import _order
from seachange.revisions._headers import stamp_of
from seachange.revisions._restamp import moment_of, next_id, restamp
from seachange.revisions._rewriting import HeaderEdit
from seachange.revisions._targets import require_order
from seachange.revisions.changes import FileChange
from seachange.revisions.history import History, Revision

__all__ = ["Move", "Rebase", "plan_rebase"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Move:
    """One revision before and after; the ids are equal where they are no timestamps."""

    revision: str
    title: str
    down_revisions: tuple[str, ...]
    new_revision: str
    new_down_revision: str | None
    file: str
    new_file: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rebase:
    """What a rebase would do; ``notes`` are sentences on what it leaves to a person."""

    onto: str | None
    moves: tuple[Move, ...] = ()
    changes: tuple[FileChange, ...] = dataclasses.field(default=(), repr=False)
    notes: tuple[str, ...] = ()


def plan_rebase(history: History, *, moved: Iterable[str], now: datetime.datetime, onto: str = "") -> Rebase:
    """Return how ``moved`` and all that follows them come to stand in one line after the other head.

    :param history: the revisions.
    :param moved: ids of the revisions to move.
    :param now: the time, as Alembic would write it into a new revision.
    :param onto: the head to follow; the only other one by default.
    :raises HistoryInvalidError: the history is no order.
    :raises RefusedError: there are several other heads, or ``onto`` is none of them.
    """
    require_order(history)
    chain = _followers(history, moved)
    if not chain:
        return Rebase(onto=None)
    parent = _onto(history, chain, onto)
    _require_independent(history, chain, parent)
    places = _places(history, chain, parent, now=now)
    renamed = {old: place.revision for old, place in places.items() if place.revision != old}
    changes = [_moved_file(history.by_id[old], place, renamed) for old, place in places.items()]
    changes += _other_files(history, {each.revision for each in chain}, renamed)
    moves = tuple(_move(history, history.by_id[old], place) for old, place in places.items())
    companions = [change for old, place in places.items() for change in _companions(history.by_id[old].path, place.path)]
    notes = tuple(note for change in changes for note in _left(history, change, renamed)) + _superfluous(history, places)
    return Rebase(onto=parent, moves=moves, changes=(*changes, *companions), notes=notes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a revision will be; ``created`` is None where its date stays."""

    revision: str
    parent: str | None
    path: Path
    created: datetime.datetime | None


def _followers(history: History, moved: Iterable[str]) -> tuple[Revision, ...]:
    """Return ``moved`` and all that follow them, in order; what merely depends on them stays where it is."""
    names = set(moved)
    for revision in history.revisions:
        if names.intersection(revision.down_revisions):
            names.add(revision.revision)
    return tuple(revision for revision in history.revisions if revision.revision in names)


def _require_independent(history: History, chain: tuple[Revision, ...], onto: str | None) -> None:
    needed = _order.ancestors(history.parents, (onto,) if onto else ())
    for revision in chain:
        if revision.revision in needed:
            raise RefusedError(
                f"{onto} needs {revision.revision} to have run before, so {revision.revision} cannot follow it",
                hint="correct depends_on of the revision that names it",
            )


def _onto(history: History, chain: tuple[Revision, ...], wanted: str) -> str | None:
    names = {revision.revision for revision in chain}
    followed = {parent for revision in history.revisions if revision.revision not in names for parent in revision.down_revisions}
    heads = [each.revision for each in history.revisions if each.revision not in names | followed]
    if wanted:
        found = history.find(wanted).revision
        if found not in heads:
            raise RefusedError(
                f"{found} is no head of the revisions that stay: {', '.join(heads) or 'there are none'}",
                hint="after a revision that others follow there would be two heads again",
            )
        return found
    if len(heads) > 1:
        # Branches with labels of their own go on beside each other; a revision stays on its own.
        before = [parent for revision in chain for parent in revision.down_revisions if parent not in names]
        labels = frozenset(label for parent in before for label in history.labels(parent))
        heads = [name for name in heads if history.labels(name) == labels] or heads
    if len(heads) > 1:
        raise RefusedError(
            f"there are {len(heads)} other heads: {', '.join(heads)}",
            hint="name the one to follow with --onto, or join them first: invoke migration.merge",
        )
    return heads[0] if heads else None


def _places(history: History, chain: tuple[Revision, ...], onto: str | None, *, now: datetime.datetime) -> dict[str, _Place]:
    """Return where each revision goes that does not stand there already."""
    places: dict[str, _Place] = {}
    parent, after = onto, history.by_id[onto].when if onto else 0
    taken = set(history.by_id) - {revision.revision for revision in chain}
    for revision in chain:
        place = _Place(revision=revision.revision, parent=parent, path=revision.path, created=None)
        if revision.down_revisions != ((parent,) if parent else ()):
            name = next_id(revision.revision, now, after=after, taken=taken)
            place = _dated(revision, name, parent, now=now, after=after)
            places[revision.revision] = place
        taken.add(place.revision)
        parent, after = place.revision, _when(revision, place)
    return places


def _when(revision: Revision, place: _Place) -> int:
    if (by_id := stamp_of(place.revision)) is not None:
        return by_id
    if place.created is None:
        return revision.when
    return int(place.created.replace(tzinfo=place.created.tzinfo or datetime.UTC).timestamp() * 1000)


def _dated(revision: Revision, name: str, parent: str | None, *, now: datetime.datetime, after: int) -> _Place:
    """Give a revision that is renamed, or would be older than the one before it, a new date and a file name that agrees."""
    created = moment_of(name, clock=now) if name != revision.revision else None
    if created is None and (name != revision.revision or revision.when <= after):
        late = datetime.datetime.fromtimestamp(after / 1000, datetime.UTC) + datetime.timedelta(seconds=1)
        created = now + max(late - now.replace(tzinfo=now.tzinfo or datetime.UTC), datetime.timedelta())
    file = revision.path.name
    if created is not None and not file.startswith(revision.revision):
        file = restamp(file, created, after=after) or file
    return _Place(
        revision=name,
        parent=parent,
        path=revision.path.with_name(file.replace(revision.revision, name, 1)),
        created=created,
    )


def _moved_file(revision: Revision, place: _Place, renamed: Mapping[str, str]) -> FileChange:
    source = revision.path.read_bytes()
    edit = HeaderEdit(source, name=revision.path.name)
    if place.revision != revision.revision:
        edit.rename(place.revision)
    edit.follow(place.parent)
    edit.refer(renamed, name="depends_on")
    if place.created is not None:
        edit.date(place.created)
    if place.path != revision.path:
        edit.rename_files(f"{revision.path.stem}.", f"{place.path.stem}.")
    return FileChange(path=revision.path, target=place.path, before=source, after=edit.result())


def _other_files(history: History, chain: set[str], renamed: Mapping[str, str]) -> list[FileChange]:
    """Revisions that stay and depend on one that is renamed."""
    changes = []
    for revision in history.revisions:
        if revision.revision in chain or not set(revision.depends_on) & set(renamed):
            continue
        source = revision.path.read_bytes()
        edit = HeaderEdit(source, name=revision.path.name)
        edit.refer(renamed, name="depends_on")
        changes.append(FileChange(path=revision.path, target=revision.path, before=source, after=edit.result()))
    return changes


def _companions(old: Path, new: Path) -> list[FileChange]:
    """Files beside a revision that share its name, such as its SQL."""
    if old == new:
        return []
    found = sorted(path for path in old.parent.glob(f"{old.stem}.*") if path.is_file() and path.suffix not in (".py", ".pyc"))
    return [
        FileChange(path=path, target=path.with_name(new.stem + path.name[len(old.stem) :]), before=before, after=before)
        for path in found
        for before in [path.read_bytes()]
    ]


def _move(history: History, revision: Revision, place: _Place) -> Move:
    return Move(
        revision=revision.revision,
        title=revision.title,
        down_revisions=revision.down_revisions,
        new_revision=place.revision,
        new_down_revision=place.parent,
        file=history.relative(revision.path),
        new_file=history.relative(place.path),
    )


def _left(history: History, change: FileChange, renamed: Mapping[str, str]) -> list[str]:
    lines = change.after.decode(errors="replace").splitlines()
    return [
        f"{history.relative(change.target)}:{number} still says {old}"
        for number, line in enumerate(lines, start=1)
        for old in renamed
        if old in line
    ]


def _superfluous(history: History, places: Mapping[str, _Place]) -> tuple[str, ...]:
    merges = [history.by_id[name] for name in places if history.by_id[name].merge]
    return tuple(f"{each.revision} joined {' and '.join(each.down_revisions)}, which is no longer needed" for each in merges)
