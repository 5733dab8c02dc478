"""The copy after each downgrade, compared with what it was before the revision: schema by its fingerprint, rows by their sums."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from seachange.errors import MigrationFailedError, TimeoutExceededError
from seachange.postgres.catalog import Table
from seachange.workflow._rehearsal.values import DowngradeRehearsal, WayBackVerdict

if TYPE_CHECKING:
    from seachange.config import Settings
    from seachange.plan import PlannedRevision
    from seachange.postgres.catalog import Catalog
    from seachange.postgres.connection import Database, Session
    from seachange.postgres.row_sums import ColumnSum, RowSum
    from seachange.revisions.history import History, Revision

__all__ = ["EXACT_BYTES", "States", "go_back"]

EXACT_BYTES = 32 * 1024**2
"""Up to this size the rows of a table are summed up even where no revision is known to touch it."""

_MOST_REASONS = 10
_WORDS = (
    ("is in the database, but not expected", "is there after the downgrade and was not before"),
    ("in the database, expected", "after the downgrade, before the upgrade"),
    ("in the database", "after the downgrade"),
)

# Rows come and go by these counters, and a table that was written anew has another file.
_COUNTERS = """
SELECT w.name, sum(pg_catalog.pg_relation_size(t.oid))::bigint,
       pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(',', t.oid, pg_catalog.pg_relation_filenode(t.oid),
           pg_catalog.pg_stat_get_tuples_inserted(t.oid), pg_catalog.pg_stat_get_tuples_updated(t.oid),
           pg_catalog.pg_stat_get_tuples_deleted(t.oid)), ' ' ORDER BY t.oid))
FROM pg_catalog.unnest(%s::text[]) w(name)
CROSS JOIN LATERAL (
    SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(w.name::regclass) p WHERE p.isleaf
    UNION SELECT w.name::regclass::oid
) t(oid)
GROUP BY 1
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _State:
    """A database at one moment; ``counters`` stand for tables that are too large to be summed up."""

    catalog: Catalog
    sums: Mapping[str, RowSum]
    counters: Mapping[str, str]


class States:
    """What a copy was before each revision.

    Rows are summed up of tables that a revision touches and of every table up to :data:`EXACT_BYTES`. Of others the file and the
    server's counters of changed rows have to stay the same.

    :param settings: the project's settings.
    :param database: the copy that revisions are run on.
    :param touched: tables that revisions touch, as the trace names them.
    """

    def __init__(self, settings: Settings, database: Database, *, touched: Collection[str] = ()) -> None:
        self._settings = settings
        self._database = database
        self._touched = frozenset(touched)
        self._session: Session | None = None
        self._before: dict[str, _State] = {}
        self._unknown: dict[str, str] = {}
        self._order: list[str] = []
        self._after: _State | None = None
        self._told: set[str] = set()
        self.by_counters: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._session is not None:
            self._session.close()

    def note(self, revision: str) -> None:
        """Keep what the copy is now as its state before ``revision``.

        :param revision: its id.
        """
        self._order.append(revision)
        try:
            self._before[revision] = self._read()
        except TimeoutExceededError as exc:
            self._unknown[revision] = exc.message

    def upgraded(self) -> None:
        """Keep what the copy is now as its state after the last revision."""
        with contextlib.suppress(TimeoutExceededError):
            self._after = self._read()

    def compare(self, revision: str) -> tuple[WayBackVerdict, tuple[str, ...]]:
        """Return what the copy is now against its state before a revision, which was undone; what was told before is left out.

        :param revision: its id.
        :returns: the verdict, and what differs in sentences.
        """
        if revision not in self._before:
            return "not tried", (self._unknown.get(revision, "what was before it is not known"),)
        before, now = self._before[revision], self._read()
        schema = self._new({each: each for each in _schema(before, now)})
        rows = self._new(_rows(before, now, between=self._between(revision)))
        verdict: WayBackVerdict = "differs" if schema else "lossy" if rows else "lossless"
        return verdict, _shortened((*schema, *rows))

    def _between(self, revision: str) -> _State | None:
        """Return the state that the upgrade of a revision led to."""
        place = self._order.index(revision) + 1
        return self._before.get(self._order[place]) if place < len(self._order) else self._after

    def _new(self, found: Mapping[str, str]) -> tuple[str, ...]:
        new = tuple(sentence for key, sentence in found.items() if key not in self._told)
        self._told.update(found)
        return new

    def _read(self) -> _State:
        from seachange.postgres.catalog import read_catalog
        from seachange.postgres.connection import connect
        from seachange.postgres.row_sums import row_sums, summable

        if self._session is None:
            self._session = connect(self._database, autocommit=True, application_name="seachange rehearsal comparison")
        catalog = read_catalog(self._session, schemas=self._settings.schemas)
        tables = summable(catalog)
        rows = self._session.execute(_COUNTERS, [list(tables)]).fetchall()
        touched = {_root(catalog, name) for name in self._touched}
        large = {name: mark for name, size, mark in rows if size > EXACT_BYTES and name not in touched}
        self.by_counters = tuple(sorted({*self.by_counters, *large}))
        wanted = {name: columns for name, columns in tables.items() if name not in large}
        sums = row_sums(self._session, wanted, by_column=True)
        return _State(catalog=catalog, sums=sums, counters=large)


def _root(catalog: Catalog, name: str) -> str:
    """Return the table that a partition is a part of, at the top."""
    table = catalog.relations.get(name)
    while isinstance(table, Table) and table.partition_bound and table.inherits:
        name = table.inherits[0]
        table = catalog.relations.get(name)
    return name


def go_back(
    settings: Settings,
    database: Database,
    history: History,
    *,
    revisions: Sequence[PlannedRevision],
    states: States,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[DowngradeRehearsal, ...]:
    """Undo revisions one by one, the last first, and say of each whether that gave back what was before it.

    After one that cannot be undone or fails, nothing is tried any more.

    :param settings: the project's settings.
    :param database: the copy, after all of the revisions.
    :param history: the revisions in the files.
    :param revisions: those that were applied, in that order.
    :param states: what was noted before each.
    :param progress: told what is done.
    :raises InterruptedRunError: the run was interrupted.
    """
    states.upgraded()
    back = tuple(reversed(revisions))
    undoing = _Undoing(states, progress)
    for group in _groups(tuple(itertools.takewhile(lambda each: each.reversible, back)), together=not states.by_counters):
        if not undoing.undo(database, settings, history, count=len(group)):
            break
    found = list(undoing.found)
    if len(found) < len(back) and not back[len(found)].reversible and not undoing.failed:
        refuses = back[len(found)]
        why = (refuses.irreversible,) if refuses.irreversible else ()
        found.append(DowngradeRehearsal(revision=refuses.revision, verdict="irreversible", reasons=why))
    return (*found, *(DowngradeRehearsal(revision=each.revision) for each in back[len(found) :]))


def _groups(revisions: tuple[PlannedRevision, ...], *, together: bool) -> Iterator[tuple[PlannedRevision, ...]]:
    # A session reports what it counted with delay, and at its end: counters want one for each revision, which takes longer.
    if together and revisions:
        yield revisions
    elif not together:
        yield from ((each,) for each in revisions)


class _Undoing:
    """Downgrades under way, each compared before the next begins."""

    def __init__(self, states: States, progress: Callable[[str], None]) -> None:
        self._states = states
        self._progress = progress
        self._revision = ""
        self._began = 0.0
        self.failed = False
        self.found: list[DowngradeRehearsal] = []

    def undo(self, database: Database, settings: Settings, history: History, *, count: int) -> bool:
        """Undo the newest revisions; return whether all could be."""
        from seachange.revisions.runner import downgrade

        try:
            downgrade(database, settings, target=f"-{count}", history=history, on_revision=self._begin)
        except MigrationFailedError as exc:
            self.failed = True
            self._note("fails", (exc.reason,), took=self._took())
        else:
            self._compare()
        return not self.failed

    def _begin(self, revision: Revision) -> None:
        # A revision that env.py runs in several schemas begins in each.
        if revision.revision == self._revision:
            return
        self._compare()
        self._progress(f"undoing {revision.revision} {revision.title}")
        self._revision, self._began = revision.revision, time.monotonic()

    def _compare(self) -> None:
        if self._revision:
            took = self._took()
            self._note(*self._states.compare(self._revision), took=took)

    def _note(self, verdict: WayBackVerdict, reasons: tuple[str, ...], *, took: float) -> None:
        self.found.append(DowngradeRehearsal(revision=self._revision, verdict=verdict, reasons=reasons, duration_ms=took))
        self._revision = ""

    def _took(self) -> float:
        return (time.monotonic() - self._began) * 1000


def _schema(before: _State, now: _State) -> tuple[str, ...]:
    from seachange.postgres.catalog import diff

    if before.catalog.fingerprint == now.catalog.fingerprint:
        return ()
    return tuple(_reworded(each.sentence) for each in diff(before.catalog, now.catalog))


def _reworded(sentence: str) -> str:
    for said, meant in _WORDS:
        sentence = sentence.replace(said, meant)
    return sentence


def _rows(before: _State, now: _State, *, between: _State | None) -> dict[str, str]:
    """Return sentences about rows that differ, by what they are about; a table that is not there any more is told elsewhere."""
    found: dict[str, str] = {}
    for table, was in before.sums.items():
        if table in now.sums:
            changed = between.sums.get(table) if between else None
            found |= _table(table, was, now.sums[table], between=changed)
    # A table may have become too large to be summed up, or small enough.
    there = {*now.sums, *now.counters}
    marks = {**dict.fromkeys(set(before.sums) & set(now.counters), ""), **before.counters}
    for table, mark in sorted(marks.items()):
        if table in there and now.counters.get(table) != mark:
            found[table] = f"{table}: rows were changed, and it is too large to say whether they are as before"
    return found


def _table(table: str, was: RowSum, now: RowSum, *, between: RowSum | None) -> dict[str, str]:
    if was.rows != now.rows:
        return {table: f"{table}: {_count(was.rows, 'row')} before, {_count(now.rows, 'row')} after the downgrade"}
    found = {}
    for name in sorted(set(was.columns) & set(now.columns)):
        if was.columns[name] != now.columns[name]:
            meant = between is not None and between.columns.get(name) != was.columns[name]
            found[f"{table}.{name}"] = _column(f"{table}.{name}", was.columns[name], now.columns[name], meant=meant)
    if not found and set(was.columns) == set(now.columns) and was.total != now.total:
        found[table] = f"{table}: values have gone to other rows"
    return found


def _column(name: str, was: ColumnSum, now: ColumnSum, *, meant: bool) -> str:
    by = ", as the upgrade changed them and the downgrade does not give them back" if meant else ""
    if was.values != now.values:
        return f"{name}: {_count(was.values, 'value')} before, {_count(now.values, 'value')} after the downgrade{by}"
    return f"{name}: other values after the downgrade than before{by}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _shortened(sentences: Sequence[str]) -> tuple[str, ...]:
    more = len(sentences) - _MOST_REASONS
    return (*sentences[:_MOST_REASONS], *([f"and {more} more"] if more > 0 else []))
