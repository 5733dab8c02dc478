"""What one statement is expected to do, gathered while it is read."""

from __future__ import annotations

from collections.abc import Iterable

from seachange.safety._predict._known import Known
from seachange.safety.facts import Dropped, IndexBuild, LockMode, RelationLock, ServerError

__all__ = ["Effect"]


class Effect:
    """The expected effect of a statement on relations that its own revision has not made.

    :param known: what is known before it.
    :param major: the version of the server.
    :param timezone: the session's, None when it is unknown.
    """

    def __init__(self, known: Known, *, major: int, timezone: str | None = None) -> None:
        self.known = known
        self.major = major
        self.timezone = timezone
        self.locks: dict[str, tuple[LockMode, str]] = {}
        self.rewrites: dict[str, None] = {}
        self.builds: dict[IndexBuild, None] = {}
        self.scans: dict[str, int] = {}
        self.verified: dict[str, None] = {}
        self.proofs: dict[str, None] = {}
        self.changes: dict[str, int] = {}
        self.created: dict[str, None] = {}
        self.dropped: dict[Dropped, None] = {}
        self.error: ServerError | None = None

    def lock(self, name: str, mode: LockMode, *, kind: str = "") -> None:
        """Expect a lock on a relation.

        :param kind: what it is, where that cannot be looked up.
        """
        if not name or name in self.known.created:
            return
        found = self.known.find(name)
        kind = found.kind if found is not None else kind or "table"
        if name not in self.locks or mode > self.locks[name][0]:
            self.locks[name] = (mode, kind)

    def lock_family(self, name: str, mode: LockMode, *, only: bool = False, below: LockMode | None = None) -> None:
        """Expect a lock on a table and all below it.

        :param only: whether the statement says ONLY.
        :param below: the lock on what is below, where that is another one.
        """
        self.lock(name, mode)
        for child in () if only else self.known.descendants(name):
            self.lock(child, below or mode)

    def rewrite(self, name: str) -> None:
        """Expect a table to be written anew, with all its indexes; of a partitioned one its partitions."""
        for leaf in self.known.leaves(name):
            if leaf not in self.known.created:
                self.rewrites[leaf] = None
                self.build_all(leaf)

    def build(self, index: str, table: str, *, online: bool = False) -> None:
        """Expect an index to be built.

        :param index: empty when the server chooses its name.
        :param online: whether that happens concurrently, which no counter of the session shows as a scan.
        """
        if table and table not in self.known.created:
            self.builds[IndexBuild(index=index, table=table)] = None
            # A table that is written anew is read on the way, which the server does not count as a scan.
            if table not in self.rewrites and not online:
                self.scans.setdefault(table, 0)

    def build_all(self, table: str, *, online: bool = False) -> None:
        """Expect every index of a table that is known to be built anew."""
        found = self.known.find(table)
        for index in found.indexes if found is not None else ():
            self.build(index, table, online=online)

    def verify(self, name: str) -> None:
        """Expect every row of a table to be checked; of a partitioned one those of its partitions."""
        for leaf in self.known.leaves(name):
            if leaf not in self.known.created:
                self.verified[leaf] = None
                self.scans.setdefault(leaf, 0)

    def scan(self, names: Iterable[str]) -> None:
        """Expect tables to be read from end to end, without a word of the server."""
        for name in names:
            found = self.known.find(name)
            if name not in self.known.created and (found is None or found.kind != "view"):
                self.scans.setdefault(name, 0)

    def change(self, name: str, count: int) -> None:
        """Expect rows to change; 0 when the text does not tell how many."""
        if name not in self.known.created:
            self.changes[name] = self.changes.get(name, 0) + count

    def drop(self, name: str, *, kind: str, cascaded: bool = False, table: str = "") -> None:
        """Expect an object to be dropped.

        :param kind: what it is, in the words of the server.
        :param table: the relation that it is a part of.
        """
        if name not in self.known.created and table not in self.known.created:
            self.dropped[Dropped(name=name, kind=kind, cascaded=cascaded, table=table)] = None

    def refuse(self, sqlstate: str, message: str) -> None:
        """Expect the server to refuse the statement; the first reason counts."""
        self.error = self.error or ServerError(sqlstate=sqlstate, message=message)

    @property
    def new_locks(self) -> tuple[RelationLock, ...]:
        """The locks, strongest first."""
        found = (RelationLock(relation=name, mode=mode, kind=kind) for name, (mode, kind) in self.locks.items())
        return tuple(sorted(found, key=lambda lock: (-lock.mode, lock.kind == "index", lock.relation)))
