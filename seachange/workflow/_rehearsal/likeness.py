"""How a throwaway is made like the real database, and how much smaller it is."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database
    from seachange.safety.statistics import Statistics

__all__ = ["TableScale", "compare_sizes", "give_settings", "real_statistics", "rowless", "scale_of"]

_COUNTED = frozenset({"lock_timeout", "statement_timeout", "max_locks_per_transaction"})
_ROLE = """
SELECT name, reset_val FROM pg_catalog.pg_settings
WHERE name = ANY(%s) AND source <> 'client' AND reset_val <> boot_val
"""
_OF_ROLE = ["idle_in_transaction_session_timeout", "maintenance_work_mem", "work_mem"]
_SORTED = """
SELECT CASE WHEN to_jsonb(d) ->> 'datlocprovider' IN ('i', 'b')
            THEN coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') ELSE d.datcollate END
FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableScale:
    """One table on the copy and in the real database: rows, None where nobody counted, and bytes with indexes and TOAST."""

    rows: int | None
    bytes: int
    real_rows: int | None
    real_bytes: int

    @property
    def rows_factor(self) -> float:
        """How many times as many rows the real table has; never less than 1, that of bytes where rows were not counted."""
        if self.rows and self.real_rows is not None:
            return max(1.0, self.real_rows / self.rows)
        return self.bytes_factor

    @property
    def bytes_factor(self) -> float:
        """How many times as large the real table is; never less than 1."""
        return max(1.0, self.real_bytes / self.bytes) if self.bytes else 1.0


def real_statistics(run: Run) -> Statistics:
    """Return the sizes of the real tables: those of the file of setting ``statistics``, else of the run's database.

    :param run: the run.
    """
    from seachange.workflow.statistics import exported_statistics, live_statistics

    return exported_statistics(run) or live_statistics(run)


def compare_sizes(database: Database, real: Statistics) -> Mapping[str, TableScale]:
    """Return the tables that both have, by name, with their sizes here and there.

    :param database: the copy; its tables are counted by ANALYZE where nobody has.
    :param real: of the real database.
    """
    from seachange.postgres.connection import connect
    from seachange.safety.statistics import read_statistics

    with contextlib.closing(connect(database, autocommit=True, statement_timeout_ms=0)) as session:
        here = read_statistics(session)
        if any(table.rows is None for table in here.tables.values()):
            session.execute("ANALYZE")
            here = read_statistics(session)
    return {
        name: TableScale(rows=table.rows, bytes=table.bytes, real_rows=known.rows, real_bytes=known.bytes)
        for name, table in here.tables.items()
        if (known := real.tables.get(name)) is not None
    }


def scale_of(sizes: Mapping[str, TableScale]) -> float:
    """Return the part of the real tables that a copy has, 1 at most: by rows where all were counted, else by bytes.

    :param sizes: its tables.
    """
    if all(each.rows is not None and each.real_rows is not None for each in sizes.values()):
        here, real = sum(each.rows or 0 for each in sizes.values()), sum(each.real_rows or 0 for each in sizes.values())
    else:
        here, real = sum(each.bytes for each in sizes.values()), sum(each.real_bytes for each in sizes.values())
    return min(1.0, here / real) if real else 1.0


def rowless(sizes: Mapping[str, TableScale], tables: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``tables`` that have rows in the real database and none on the copy.

    :param sizes: the tables of the copy against the real ones.
    :param tables: names of tables.
    """
    return tuple(sorted(name for name in set(tables) & set(sizes) if sizes[name].rows == 0 and sizes[name].real_rows))


def give_settings(run: Run, database: Database) -> tuple[str, ...]:
    """Give the sessions of a throwaway database the settings that those of the run's database begin with.

    :param run: the run; its database is asked.
    :param database: the throwaway; on its server we may do anything.
    :returns: sentences on where it stays different.
    """
    from seachange.backup.contents import read_session
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(run.database, autocommit=True)) as origin:
        wanted = {**read_session(origin), **dict(origin.execute(_ROLE, [_OF_ROLE]).fetchall())}
        sorts = origin.execute(_SORTED).fetchone()
    notes = []
    with contextlib.closing(connect(database, autocommit=True)) as session:
        for name, value in wanted.items():
            if name not in _COUNTED:
                notes += _set(session, database.name, name=name, value=value)
        sorted_here = session.execute(_SORTED).fetchone()
    if sorts and sorted_here and sorts[0] != sorted_here[0]:
        notes.append(f"text is sorted by {sorted_here[0]} on the copy, by {sorts[0]} in {run.database.name}")
    return tuple(notes)


def _set(session: psycopg.Connection, database: str, *, name: str, value: str) -> list[str]:
    try:
        with session.transaction():
            session.execute("SELECT pg_catalog.set_config(%s, %s, true)", [name, value])
            session.execute(
                sql.SQL("ALTER DATABASE {} SET {} FROM CURRENT").format(sql.Identifier(database), sql.Identifier(name))
            )
    except psycopg.Error as exc:
        return [f"{name} is not {value} as in the real database: {exc.diag.message_primary or exc}"]
    return []
