"""The revisions of a project in one order over all locations, read without a database and without importing them."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from seachange.config import Settings
from seachange.errors import RevisionUnknownError
from seachange.plan import Finding
from seachange.revisions import _files, _options, _order
from seachange.revisions._cache import Cache
from seachange.revisions._revision import Revision

__all__ = ["History", "Revision", "read_history"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    """All revisions, base first.

    ``findings`` are what reading found: files that do not compile, locations that cannot be read.
    :func:`seachange.revisions.validate.validate` adds what the graph shows.
    """

    root: Path
    revisions: tuple[Revision, ...]
    unordered: tuple[Revision, ...] = ()
    duplicates: tuple[Revision, ...] = ()
    file_template: str = ""
    locations: tuple[Path, ...] = ()
    environment_hash: str = ""
    findings: tuple[Finding, ...] = ()

    @functools.cached_property
    def by_id(self) -> Mapping[str, Revision]:
        """Revisions by id."""
        return {revision.revision: revision for revision in (*self.revisions, *self.unordered)}

    @functools.cached_property
    def parents(self) -> Mapping[str, tuple[str, ...]]:
        """What each revision needs to have run before: ``down_revision`` and ``depends_on``, branch labels resolved."""
        return _parents(self.by_id)

    @functools.cached_property
    def heads(self) -> tuple[str, ...]:
        """Revisions that no other one follows."""
        followed = {parent for revision in self.by_id.values() for parent in revision.down_revisions}
        return tuple(name for name in self.by_id if name not in followed)

    @functools.cached_property
    def bases(self) -> tuple[str, ...]:
        """Revisions that follow no other one."""
        return tuple(name for name, revision in self.by_id.items() if not revision.down_revisions)

    def labels(self, revision: str) -> frozenset[str]:
        """Return the labels of the branch that a revision is on: its own and those of the revisions that it follows."""
        return self._labels.get(revision, frozenset())

    @functools.cached_property
    def _labels(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for revision in (*self.revisions, *self.unordered):
            below = (found.get(parent, frozenset()) for parent in revision.down_revisions)
            found[revision.revision] = frozenset(revision.branch_labels).union(*below)
        return found

    @property
    def rivals(self) -> tuple[tuple[str, ...], ...]:
        """Groups of heads that should be one: heads with the same branch labels, or all without any.

        Branches with labels of their own are kept apart on purpose (Alembic's documentation, "Working with Branches").
        """
        groups: dict[frozenset[str], list[str]] = {}
        for head in self.heads:
            groups.setdefault(self.labels(head), []).append(head)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def ancestors(self, revisions: Iterable[str]) -> tuple[Revision, ...]:
        """Return ``revisions`` and all that they need, in order."""
        wanted = _order.ancestors(self.parents, revisions)
        return tuple(revision for revision in self.revisions if revision.revision in wanted)

    def descendants(self, revisions: Iterable[str]) -> tuple[Revision, ...]:
        """Return ``revisions`` and all that need them, in order."""
        wanted = set(revisions)
        for revision in self.revisions:
            if wanted.intersection(self.parents[revision.revision]):
                wanted.add(revision.revision)
        return tuple(revision for revision in self.revisions if revision.revision in wanted)

    def between(self, current: Iterable[str], target: Iterable[str]) -> tuple[Revision, ...]:
        """Return what leads from the revisions ``current`` up to ``target``, in order."""
        applied = _order.ancestors(self.parents, current)
        return tuple(revision for revision in self.ancestors(target) if revision.revision not in applied)

    def key(self, revision: str | Iterable[str] | None) -> str:
        """Return the hash over the contents of all ancestors of ``revision`` in order; equal keys build equal schemas.

        :param revision: one revision, several heads, or ``None`` for the empty history.
        """
        return self.keys(() if revision is None else (revision,) if isinstance(revision, str) else revision)[-1]

    def keys(self, revisions: Iterable[str]) -> tuple[str, ...]:
        """Return the key of the empty history and then one for each ancestor of ``revisions``, in order."""
        digest = hashlib.sha256(self.environment_hash.encode())
        found = [digest.hexdigest()]
        for revision in self.ancestors(revisions):
            digest.update(f"\0{revision.revision}\0{revision.content_hash}".encode())
            found.append(digest.hexdigest())
        return tuple(found)

    def find(self, prefix: str) -> Revision:
        """Return the revision with this id, or the only one whose id begins so.

        :raises RevisionUnknownError: none or several do.
        """
        if prefix in self.by_id:
            return self.by_id[prefix]
        matches = [name for name in self.by_id if prefix and name.startswith(prefix)]
        if len(matches) == 1:
            return self.by_id[matches[0]]
        if matches:
            raise RevisionUnknownError(
                f"revision {prefix!r} is ambiguous: {', '.join(matches[:5])} begin so", hint="give more characters of the id"
            )
        close = difflib.get_close_matches(prefix, list(self.by_id), n=1)
        hint = f"did you mean {close[0]}?" if close else "`invoke migration.show` lists every revision"
        raise RevisionUnknownError(f"revision {prefix!r} is in no file of this project", hint=hint)

    def relative(self, path: Path) -> str:
        """Return ``path`` as people know it: from the project's root where it lies below."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def read_history(settings: Settings, *, extra_locations: Iterable[Path] = (), keep: bool = True) -> History:
    """Read every revision file of the project.

    What is wrong with single files stands in :attr:`History.findings`; nothing is raised for it.

    :param settings: the project's settings.
    :param extra_locations: folders to read besides those that Alembic is configured with.
    :param keep: whether what was read is kept below .seachange/ for the next command.
    :raises ConfigError: Alembic is not configured, or its configuration cannot be read.
    """
    options = _options.read_options(settings.root, ini=settings.alembic_ini)
    cache = Cache(settings, keep=keep)
    read = _files.read_files(options, cache=cache, models=settings.models, extra_locations=tuple(extra_locations))
    by_id = {revision.revision: revision for revision in read.revisions}
    done, left = _order.sort(_parents(by_id), when={name: revision.when for name, revision in by_id.items()})
    return History(
        root=options.root,
        revisions=tuple(by_id[name] for name in done),
        unordered=tuple(by_id[name] for name in left),
        duplicates=read.duplicates,
        file_template=options.file_template,
        locations=read.locations,
        environment_hash=read.environment_hash,
        findings=read.findings,
    )


def _parents(by_id: Mapping[str, Revision]) -> dict[str, tuple[str, ...]]:
    labels = {label: name for name, revision in by_id.items() for label in revision.branch_labels}
    return {
        name: (*revision.down_revisions, *(labels.get(needed, needed) for needed in revision.depends_on))
        for name, revision in by_id.items()
    }
