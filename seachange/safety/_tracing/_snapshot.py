"""What a session holds and has done at one moment, in one query on the session itself."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from seachange.postgres.catalog import qualified
from seachange.safety.facts import LockMode

__all__ = ["SETTINGS", "Counters", "Query", "Relation", "Snapshot", "prepare_snapshot", "read_relations", "read_snapshot"]

Query = Callable[[str], list[tuple[Any, ...]]]

SETTINGS = (
    "lock_timeout",
    "statement_timeout",
    "deadlock_timeout",
    "TimeZone",
    "search_path",
    "role",
    "transaction_isolation",
    "idle_in_transaction_session_timeout",
    "application_name",
)

_KINDS = {
    "r": "table",
    "p": "table",
    "f": "foreign table",
    "m": "materialized view",
    "i": "index",
    "I": "index",
    "S": "sequence",
    "v": "view",
    "c": "type",
}

# What the server makes itself has lower numbers, and its own catalogues are locked all the time.
_FIRST_OWN = 16384

_RELATION = """json_build_array(c.oid::int8, n.nspname, c.relname, c.relkind, pg_catalog.pg_relation_filenode(c.oid)::int8,
    i.indrelid::int8"""
_FROM = f"""pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_index i on i.indexrelid = c.oid
where c.oid >= {_FIRST_OWN} and n.nspname <> 'pg_toast'"""

_RELATIONS = "select pg_catalog.json_agg({relation}))::text from {source}"

# The messages and the list of what was dropped are for us: a revision that turns messages off shall not make us blind.
# Prepared once for each session: to plan it takes longer than to run it.
_PREPARE = """
prepare seachange_snapshot (oid[]) as
with held as materialized (
    select relation, mode from pg_catalog.pg_locks
    where pid = pg_catalog.pg_backend_pid() and locktype = 'relation' and granted and relation >= {first}
        and database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
)
select pg_catalog.pg_current_xact_id_if_assigned()::text,
    pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::text,
    (select pg_catalog.json_agg(pg_catalog.json_build_array(relation::int8, mode)) from held)::text,
    (select pg_catalog.json_agg({relation}, pg_catalog.pg_stat_get_xact_numscans(c.oid),
        pg_catalog.pg_stat_get_xact_tuples_returned(c.oid), pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid),
        pg_catalog.pg_stat_get_xact_tuples_updated(c.oid), pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid))
        order by c.oid)
     from {source} and (c.oid in (select relation from held) or c.oid = any ($1)))::text,
    pg_catalog.json_build_array({settings})::text,
    pg_catalog.current_setting('seachange.happened', true),
    pg_catalog.set_config('seachange.happened', '', false),
    pg_catalog.set_config('client_min_messages', 'debug1', false)
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relation:
    """A relation; ``table`` is that of an index, by number, and ``filenode`` changes when it is written anew."""

    oid: int
    schema: str
    name: str
    relkind: str
    filenode: int = 0
    table: int = 0

    @property
    def qualified(self) -> str:
        """The name with its schema, quoted where needed."""
        return qualified(self.schema, self.name)

    @property
    def kind(self) -> str:
        """The kind as people call it."""
        return _KINDS.get(self.relkind, "relation")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counters:
    """What the session has done to a table, as far as its server has not yet added it up."""

    scans: int = 0
    read: int = 0
    changed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One moment; relations are those that are locked or were, ``happened`` is what the event triggers wrote down."""

    transaction_id: str = ""
    wal: int = 0
    locks: Mapping[int, frozenset[LockMode]] = dataclasses.field(default_factory=dict)
    relations: Mapping[int, Relation] = dataclasses.field(default_factory=dict)
    counters: Mapping[int, Counters] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    happened: str = ""


def read_relations(query: Query) -> dict[int, Relation]:
    """Return every relation of the database by number.

    :param query: runs SQL on the session.
    """
    return {
        found.oid: found
        for found in map(_relation, json.loads(query(_RELATIONS.format(relation=_RELATION, source=_FROM))[0][0] or "[]"))
    }


def prepare_snapshot(query: Query) -> None:
    """Let :func:`read_snapshot` be called on a session, until that forgets what it has prepared."""
    settings = ", ".join(f"pg_catalog.current_setting('{name}', true)" for name in SETTINGS)
    query(_PREPARE.format(first=_FIRST_OWN, relation=_RELATION, source=_FROM, settings=settings))


def read_snapshot(query: Query, *, warm: Iterable[int] = ()) -> Snapshot:
    """Return this moment, and forget what the event triggers wrote down.

    :param query: runs SQL on the session.
    :param warm: tables to count besides those that are locked.
    """
    row = query(f"execute seachange_snapshot ('{{{','.join(map(str, warm))}}}')")[0]
    locks: dict[int, set[LockMode]] = {}
    for oid, mode in json.loads(row[2] or "[]"):
        locks.setdefault(oid, set()).add(LockMode.parse(mode))
    relations = json.loads(row[3] or "[]")
    return Snapshot(
        transaction_id=row[0] or "",
        wal=int(row[1]),
        locks={oid: frozenset(modes) for oid, modes in locks.items()},
        relations={found[0]: _relation(found[:6]) for found in relations},
        counters={found[0]: Counters(scans=found[6], read=found[7], changed=sum(found[8:11])) for found in relations},
        settings={name: value or "" for name, value in zip(SETTINGS, json.loads(row[4]), strict=True)},
        happened=row[5] or "",
    )


def _relation(found: list[Any]) -> Relation:
    oid, schema, name, relkind, filenode, table = found
    return Relation(oid=oid, schema=schema, name=name, relkind=relkind, filenode=filenode or 0, table=table or 0)
