"""What was written into a database since a backup: both held against each other table by table, row by row."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seachange.postgres.catalog import qualified

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["Difference", "written_since"]

_BUCKETS = 4096
# So many buckets are looked at row by row; where more differ, that many rows at least do.
_MOST_BUCKETS = 256

_SETTINGS = """
set local search_path = pg_catalog; set local extra_float_digits = 1; set local datestyle = 'ISO, YMD';
set local intervalstyle = postgres; set local bytea_output = hex; set local timezone = 'UTC'; set local lc_monetary = 'C';
set local row_security = off
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """A table whose rows are not those of the backup; ``rows`` is how many differ, ``exact`` whether no more do.

    ``reason`` says why its rows cannot be compared.
    """

    table: str
    rows: int = 0
    exact: bool = True
    reason: str = ""

    @property
    def sentence(self) -> str:
        """The difference for people."""
        if self.reason:
            return f"{self.table}: {self.reason}"
        return (
            f"{self.table}: {'' if self.exact else 'at least '}{self.rows} {'row differs' if self.rows == 1 else 'rows differ'}"
        )


def written_since(before: Database, now: Database, *, passed_over: Collection[str] = ()) -> tuple[Difference, ...]:
    """Return the tables of ``before`` whose rows in ``now`` are others, in the columns that both have.

    Tables that only ``now`` has are what its revisions made. Sequences are not compared: a number that was taken is no row.

    :param before: the restored backup.
    :param now: the database that it is to replace.
    :param passed_over: names of tables, without schema, that are not compared.
    :raises SeachangeError: one cannot be read.
    """
    from seachange.postgres.connection import connect
    from seachange.postgres.row_sums import row_sums

    with contextlib.ExitStack() as stack:
        old, new = (stack.enter_context(contextlib.closing(connect(each, statement_timeout_ms=0))) for each in (before, now))
        tables, gone = _common(_tables(old, passed_over), _tables(new, passed_over))
        sums = [row_sums(session, tables) for session in (old, new)]
        differing = [name for name in tables if sums[0][name] != sums[1][name]]
        found = [_difference(old, new, name, columns=tables[name]) for name in differing]
    return (*found, *(Difference(table=name, reason=reason) for name, reason in gone.items()))


def _tables(session: Session, passed_over: Collection[str]) -> dict[str, tuple[str, ...]]:
    from seachange.postgres.catalog import read_catalog
    from seachange.postgres.row_sums import summable

    found = summable(read_catalog(session, exclude_tables=tuple(passed_over)))
    session.rollback()
    return found


def _common(
    old: Mapping[str, tuple[str, ...]], new: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    tables: dict[str, tuple[str, ...]] = {}
    gone: dict[str, str] = {}
    for name, columns in old.items():
        both = tuple(column for column in columns if column in new.get(name, ()))
        if name not in new:
            gone[name] = "the table is not there any more, so that nothing tells what was written into it"
        elif both or not columns:
            tables[name] = both
        else:
            gone[name] = "none of its columns is there any more"
    return tables, gone


def _difference(old: Session, new: Session, table: str, *, columns: Sequence[str]) -> Difference:
    row = ", ".join(f"t.{qualified(column)}" for column in columns)
    digest = f'hashtextextended(row({row})::text collate "C", 0)'
    buckets = [_buckets(session, table, digest) for session in (old, new)]
    differing = [number for number in {**buckets[0], **buckets[1]} if buckets[0].get(number) != buckets[1].get(number)]
    if len(differing) > _MOST_BUCKETS:
        return Difference(table=table, rows=len(differing), exact=False)
    first, second = (_hashes(session, table, digest, numbers=differing) for session in (old, new))
    return Difference(table=table, rows=max((first - second).total(), (second - first).total()))


def _buckets(session: Session, table: str, digest: str) -> dict[int, tuple[Any, ...]]:
    text = f"select h & {_BUCKETS - 1}, count(*), sum(h::numeric) from (select {digest} h from {table} t) x group by 1"  # noqa: S608
    return {row[0]: tuple(row[1:]) for row in _rows(session, text)}


def _hashes(session: Session, table: str, digest: str, *, numbers: Sequence[int]) -> Counter[int]:
    chosen = ", ".join(map(str, numbers)) or "-1"
    text = f"select h, count(*) from (select {digest} h from {table} t) x where h & {_BUCKETS - 1} in ({chosen}) group by 1"  # noqa: S608
    return Counter({row[0]: row[1] for row in _rows(session, text)})


def _rows(session: Session, text: str) -> list[Any]:
    with session.transaction(force_rollback=True):
        session.execute(_SETTINGS.encode())
        return session.execute(text.encode()).fetchall()
