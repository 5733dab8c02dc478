"""A throwaway filled with made-up rows: as many as the real tables have, up to a limit, and as the planner knows them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import psycopg

from seachange.postgres.catalog import qualified
from seachange.safety.column_statistics import ColumnStatistics
from seachange.workflow._rehearsal.fillable import FillTable, Reference, in_order, read_fillable
from seachange.workflow._rehearsal.made_up import literal, quoted
from seachange.workflow._rehearsal.row_values import RowValues
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session
    from seachange.safety.statistics import Statistics, TableStatistics

__all__ = ["KEPT_WHOLE", "Seeded", "fill_database", "planned_rows", "seed_rows"]

KEPT_WHOLE = 1_000
"""Tables of up to so many rows are never scaled down: they are what others refer to."""

_MOST_ROWS = 10
_ROW_BYTES = 100
_MOST_NOTES = 8
_REFRESH_MS = 30_000

_RETRIED = (
    psycopg.errors.CheckViolation,
    psycopg.errors.UniqueViolation,
    psycopg.errors.ExclusionViolation,
    psycopg.errors.NotNullViolation,
)
_VIEWS = """
SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seeded:
    """What was filled in: rows by table, where they were told from, and where it fell short."""

    origin: str
    rows: Mapping[str, int]
    notes: tuple[str, ...] = ()


def planned_rows(statistics: Statistics, *, most: int) -> dict[str, int]:
    """Return how many rows to make up in each table: as many as there are, all in one proportion where one has too many.

    :param statistics: of the real tables.
    :param most: the most rows of a table; all together have ten times as many at most.
    """
    real = {name: _rows(table) for name, table in statistics.tables.items()}
    largest, total = max(real.values(), default=0), sum(real.values())
    share = min(1.0, most / max(1, largest), most * _MOST_ROWS / max(1, total))
    return {name: min(rows, max(KEPT_WHOLE, round(rows * share)), most) for name, rows in real.items()}


def _rows(table: TableStatistics) -> int:
    return table.rows if table.rows is not None else table.bytes // _ROW_BYTES


def seed_rows(run: Run, database: Database) -> Seeded:
    """Fill the tables of a throwaway with rows that are made up after the statistics of the real ones.

    No value of a text leaves the real database: of text the width and the number of distinct values are known, of numbers, dates,
    truth values and enums frequent values and bounds. Rows that the history entered stay.

    :param run: the run; the file of setting ``statistics`` tells of the real tables, else its database does.
    :param database: the throwaway, at the revision of the real one; on its server we may do anything.
    """
    from seachange.revisions.runner import version_table
    from seachange.workflow.statistics import exported_statistics, live_statistics

    known = exported_statistics(run)
    if known is None or not known.columns:
        live = live_statistics(run, columns=True)
        known = dataclasses.replace(known, columns=live.columns) if known is not None else live
    own = version_table(run.settings)
    return fill_database(
        database,
        known,
        most=run.settings.rehearsal_rows,
        without=(own, qualified("public", own)),
        progress=run.progress,
    )


def fill_database(
    database: Database,
    known: Statistics,
    *,
    most: int,
    without: Iterable[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Seeded:
    """Fill the tables of a throwaway with made-up rows.

    :param database: the throwaway; on its server we may do anything.
    :param known: of the real tables.
    :param most: the most rows of a table.
    :param without: names of tables that get none.
    :param progress: told what is done.
    """
    from seachange.postgres.catalog import read_catalog
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(database, autocommit=True, statement_timeout_ms=0)) as session:
        tables = read_fillable(session, read_catalog(session), without=without)
        session.execute("SET session_replication_role = replica")
        filling = _Filling(session, tables, wanted=planned_rows(known, most=most), known=known.columns)
        for name in in_order(tables):
            progress(f"making up rows of {name}")
            filling.fill(name)
        filling.finish()
    more = len(filling.notes) - _MOST_NOTES
    return Seeded(
        origin=f"made-up rows after the statistics of {known.source}",
        rows=filling.rows,
        notes=(*filling.notes[:_MOST_NOTES], *([f"and {more} more tables have fewer rows"] if more > 0 else [])),
    )


class _Filling:
    """Fills one table after another."""

    def __init__(
        self,
        session: Session,
        tables: Mapping[str, FillTable],
        *,
        wanted: Mapping[str, int],
        known: Mapping[str, Mapping[str, ColumnStatistics]],
    ) -> None:
        self._session = session
        self._tables = tables
        self._wanted = wanted
        self._there = {name: self._count(name) for name in tables}
        self._row = RowValues(tables, wanted=wanted, there=self._there, known=known)
        self._short: set[str] = set()
        self.rows = self._row.made
        self.notes: list[str] = []

    def fill(self, name: str) -> None:
        """Fill one table, whose references come before it where there is no circle."""
        table, there, wanted = self._tables[name], self._there[name], self._wanted.get(name, 0)
        if not wanted or (there and wanted <= max(2 * there, KEPT_WHOLE)):
            self.rows[name] = 0
            return
        rows, values = self._values(table, wanted - there)
        self.rows[name] = self._insert(table, values, rows=rows) if rows else 0
        if self.rows[name] < wanted - there:
            self._short.add(name)

    def _count(self, name: str) -> int:
        row = self._session.execute(f"SELECT count(*) FROM {name}".encode()).fetchone()  # noqa: S608 - as the catalogue quotes it
        return int(row[0]) if row else 0

    def _values(self, table: FillTable, rows: int) -> tuple[int, dict[str, str]]:
        """Return how many rows there can be, and an expression over ``n`` for each column."""
        found: dict[str, str] = {}
        for column in table.columns:
            value, most = self._row.value(table, column, "n", rows=rows)
            if value is None and column.required and (not column.filled or not most):
                what = f"nothing can be made up for {column.name} ({column.kind.cast})"
                why = what if most else f"there is none that {column.name} could refer to"
                self.notes.append(f"{table.name} has no made-up rows: {why}")
                return 0, {}
            rows = min(rows, most)
            if value is not None:
                found[column.name] = value
        return rows, found

    def _insert(self, table: FillTable, values: Mapping[str, str], *, rows: int) -> int:
        first = self._row.first[table.name]
        columns = ", ".join(map(quoted, values))
        selected = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
        source = f"SELECT {selected} FROM generate_series({first + 1}::int8, {first + rows}::int8) n"  # noqa: S608 - expressions of ours
        head = f"INSERT INTO {table.name} ({columns}) OVERRIDING SYSTEM VALUE "
        if not values:
            head, source = f"INSERT INTO {table.name} DEFAULT VALUES", ""
        try:
            return self._run(head + source)
        except _RETRIED as exc:
            if (fewer := _without_doubtful(table, values)) != values:
                return self._insert(table, fewer, rows=rows)
            checks = (
                " AND ".join(
                    f"({check.removeprefix('CHECK ').removesuffix(' NO INHERIT')}) IS NOT FALSE" for check in table.checks
                )
                or "true"
            )
            said = exc.diag.constraint_name or exc.diag.message_primary or ""
            filtered = f"{head}SELECT {columns} FROM ({source}) made WHERE {checks} ON CONFLICT DO NOTHING"  # noqa: S608
            try:
                found = self._run(filtered)
            except psycopg.Error as again:
                return self._none(table, again)
            if found < rows:
                self.notes.append(f"{table.name} has {found:,} made-up rows instead of {rows:,}: {said} refuses the others")
            return found
        except psycopg.Error as exc:
            return self._none(table, exc)

    def _none(self, table: FillTable, exc: psycopg.Error) -> int:
        said = exc.diag.message_primary or str(exc).partition("\n")[0]
        self.notes.append(f"{table.name} has no made-up rows: {said}")
        return 0

    def _run(self, statement: str) -> int:
        with self._session.transaction():
            return max(0, self._session.execute(statement.encode()).rowcount)

    def finish(self) -> None:
        """Take rows away that refer to what was not filled, set sequences behind the rows, and count all of it."""
        self._prune()
        for table in self._tables.values():
            for column in table.columns:
                if column.sequence and self.rows.get(table.name):
                    self._advance(table.name, column.name, sequence=column.sequence)
        self._session.execute("SET session_replication_role = origin")
        self._refresh()
        self._session.execute("ANALYZE")
        self._session.execute("CHECKPOINT")

    def _advance(self, table: str, column: str, *, sequence: str) -> None:
        highest = f"SELECT max({quoted(column)}) FROM {table}"  # noqa: S608 - as the catalogue quotes it
        with contextlib.suppress(psycopg.errors.NumericValueOutOfRange):
            self._run(f"SELECT pg_catalog.setval({literal(sequence)}::regclass, greatest(1, ({highest})))")

    def _prune(self) -> None:
        changed = set(self._short)
        for _ in self._tables:
            holed, changed = changed, set()
            for table in self._tables.values():
                for each in table.references:
                    if each.table in holed and self.rows.get(table.name):
                        gone = self._run(_orphans(table.name, each))
                        self.rows[table.name] -= gone
                        changed |= {table.name} if gone else set()
            if not changed:
                return

    def _refresh(self) -> None:
        for schema, view in self._session.execute(_VIEWS).fetchall():
            name = qualified(schema, view)
            try:
                with self._session.transaction():
                    self._session.execute(f"SET LOCAL statement_timeout = {_REFRESH_MS}".encode())
                    self._session.execute(f"REFRESH MATERIALIZED VIEW {name}".encode())
            except psycopg.Error as exc:
                self.notes.append(f"{name} was not refreshed: {exc.diag.message_primary or exc}")


def _without_doubtful(table: FillTable, values: Mapping[str, str]) -> dict[str, str]:
    """Return values without those of columns that may be null and stand in a check with others: null satisfies most of them."""
    names = {each.name for each in table.columns}
    doubtful: set[str] = set()
    for check in table.checks:
        mentioned = {name for name in names if name in check}
        doubtful |= mentioned if len(mentioned) > 1 else set()
    kinds = {each.name: each.kind for each in table.columns if each.name in doubtful and not each.required}
    return {name: f"NULL::{kinds[name].cast}" if name in kinds else value for name, value in values.items()}


def _orphans(table: str, reference: Reference) -> str:
    pairs = [
        (f"c.{quoted(here)}", f"p.{quoted(there)}") for here, there in zip(reference.columns, reference.referenced, strict=True)
    ]
    same = " AND ".join(f"{there} = {here}" for here, there in pairs)
    full = " AND ".join(f"{here} IS NOT NULL" for here, _ in pairs)
    found = f"NOT EXISTS (SELECT FROM {reference.table} p WHERE {same})"
    return f"DELETE FROM {table} c WHERE {full} AND {found}"  # noqa: S608
