"""The table ``seachange.statements``: what revisions that are not done yet have committed outside of their own transaction."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

__all__ = ["CREATE", "Recorded", "delete_text", "done_text", "insert_text", "make", "read_recorded"]

State = Literal["begun", "done"]

CREATE = """
create table if not exists seachange.statements (
    version_table text not null,
    revision text not null,
    direction text not null check (direction in ('upgrade', 'downgrade')),
    number integer not null,
    state text not null check (state in ('begun', 'done')),
    sql text not null,
    text_hash text not null,
    values_hash text not null,
    rows bigint not null,
    alone boolean not null,
    run_id text not null,
    file_hash text,
    at timestamptz not null default pg_catalog.clock_timestamp(),
    primary key (version_table, revision, direction, number)
);
comment on table seachange.statements is 'what revisions that are not done yet have committed already'
"""
_THERE = "select pg_catalog.to_regclass('seachange.statements') is not null"
_READ = """
select revision, direction, number, state, sql, text_hash, values_hash, rows, alone, run_id, file_hash
from seachange.statements where version_table = %s order by revision, direction, number
"""
# One key for all of Seachange's tables: two tenants may need them at once.
_LOCK = "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('seachange.history', 0))"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """One statement of a revision; ``rows`` is how many it changed, -1 where that was not said.

    ``begun``: it was sent, and nothing says how it ended; ``alone``: it was a transaction of its own. ``sql`` is for people and
    for undoing it, without passwords; the hashes are over what was sent.
    """

    revision: str
    direction: Literal["upgrade", "downgrade"]
    number: int
    state: State
    sql: str
    text_hash: str
    values_hash: str
    rows: int = -1
    alone: bool = True
    run_id: str = ""
    file_hash: str | None = None


def make(connection: psycopg.Connection[Any]) -> None:
    """Make the table, in the transaction of ``connection``.

    :raises psycopg.Error: a right is missing.
    """
    connection.execute(_LOCK)
    connection.execute(CREATE.encode())


def read_recorded(connection: psycopg.Connection[Any], version_table: str) -> tuple[Recorded, ...]:
    """Return what is recorded for a version table, in order; nothing where there is no table.

    :raises psycopg.Error: it cannot be read.
    """
    row = connection.execute(_THERE).fetchone()
    if row is None or not row[0]:
        return ()
    names = [field.name for field in dataclasses.fields(Recorded)]
    return tuple(
        Recorded(**dict(zip(names, found, strict=True))) for found in connection.execute(_READ, [version_table]).fetchall()
    )


def insert_text(version_table: str, recorded: Recorded) -> str:
    """Return the SQL that writes a row."""
    values = {"version_table": version_table, **dataclasses.asdict(recorded)}
    columns, literals = ", ".join(values), ", ".join(sql.Literal(value).as_string(None) for value in values.values())
    return f"insert into seachange.statements ({columns}) values ({literals})"  # noqa: S608 - names of fields, and literals


def done_text(version_table: str, recorded: Recorded) -> str:
    """Return the SQL that says of a row that its statement ended well."""
    return f"update seachange.statements set state = 'done' where {_key(version_table, recorded)}"  # noqa: S608 - literals


def delete_text(version_table: str, *, revision: str = "", recorded: Recorded | None = None) -> str:
    """Return the SQL that removes one row, those of a revision, or all of a version table."""
    if recorded is not None:
        return f"delete from seachange.statements where {_key(version_table, recorded)}"  # noqa: S608 - literals
    only = f" and revision = {_literal(revision)}" if revision else ""
    return f"delete from seachange.statements where version_table = {_literal(version_table)}{only}"  # noqa: S608 - literals


def _key(version_table: str, recorded: Recorded) -> str:
    values = {"version_table": version_table, "revision": recorded.revision, "direction": recorded.direction}
    texts = [f"{name} = {_literal(value)}" for name, value in values.items()]
    return " and ".join([*texts, f"number = {recorded.number:d}"])


def _literal(value: str) -> str:
    return sql.Literal(value).as_string(None)
