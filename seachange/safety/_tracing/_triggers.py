"""Event triggers on a throwaway database: which objects a statement dropped, and which tables it wrote anew."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seachange.postgres.catalog import qualified
from seachange.safety._tracing._snapshot import Relation
from seachange.safety.facts import Dropped

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["install", "read_dropped", "read_rewritten"]

_log = logging.getLogger(__name__)

# In pg_catalog, which no comparison of schemas looks at. What happened is kept in a setting of the session: that takes no lock,
# needs no privilege, and is undone with what it tells of.
_INSTALL = """
create or replace function pg_catalog.seachange_note_drops() returns event_trigger language plpgsql as $note$
begin
    perform pg_catalog.set_config('seachange.happened', coalesce(pg_catalog.current_setting('seachange.happened', true), '')
        || coalesce((select pg_catalog.string_agg(pg_catalog.json_build_array('drop', original, normal, object_type,
            object_identity, schema_name, address_names)::text || pg_catalog.chr(10), '')
            from pg_catalog.pg_event_trigger_dropped_objects()), ''), false);
end $note$;
create or replace function pg_catalog.seachange_note_rewrite() returns event_trigger language plpgsql as $note$
begin
    perform pg_catalog.set_config('seachange.happened', coalesce(pg_catalog.current_setting('seachange.happened', true), '')
        || pg_catalog.json_build_array('rewrite', pg_catalog.pg_event_trigger_table_rewrite_oid()::int8)::text
        || pg_catalog.chr(10), false);
end $note$;
drop event trigger if exists seachange_note_drops;
create event trigger seachange_note_drops on sql_drop execute function pg_catalog.seachange_note_drops();
drop event trigger if exists seachange_note_rewrite;
create event trigger seachange_note_rewrite on table_rewrite execute function pg_catalog.seachange_note_rewrite();
"""
_SUPERUSER = "select rolsuper from pg_catalog.pg_roles where rolname = current_user"
# What these are parts of has the first names of their address.
_PARTS = ("table column", "table constraint", "trigger", "policy", "rule", "default value")


def install(database: Database) -> bool:
    """Put the triggers into a throwaway database; say whether that was possible, which takes a superuser.

    :param database: the database; it is changed.
    """
    from seachange.postgres.connection import connect

    with connect(database, autocommit=True) as session:
        row = session.execute(_SUPERUSER).fetchone()
        if not (row and row[0]):
            _log.info("no event triggers in %s, as its user is no superuser: cascades are not told", database)
            return False
        session.execute(_INSTALL)
    return True


def read_rewritten(happened: str) -> tuple[int, ...]:
    """Return the tables, by number, that a statement wrote anew."""
    return tuple(entry[1] for entry in _entries(happened) if entry[0] == "rewrite")


def read_dropped(happened: str, relations: Mapping[int, Relation]) -> tuple[Dropped, ...]:
    """Return what a statement dropped, without what is nothing but a part of a table that went whole.

    :param happened: what the triggers wrote down.
    :param relations: the relations that there were before.
    """
    entries = [entry[1:] for entry in _entries(happened) if entry[0] == "drop"]
    tables = {relation.qualified: relation for relation in relations.values()}
    indexes = {name: relations[one.table].qualified for name, one in tables.items() if one.table in relations}
    whole = {identity for _, _, kind, identity, *_ in entries if kind in ("table", "materialized view", "view", "foreign table")}
    found = (_dropped(entry, indexes) for entry in entries if not _hidden(entry))
    return tuple(dict.fromkeys(one for one in found if one.table not in whole or one.name in whole))


def _entries(happened: str) -> list[Any]:
    return [json.loads(line) for line in happened.splitlines()]


def _hidden(entry: list[Any]) -> bool:
    original, normal, kind, _, schema, _ = entry
    # Each table has a type of its rows and one of arrays of these, serial a sequence, and large values a table of their own.
    return schema == "pg_toast" or (kind in ("type", "sequence") and not (original or normal))


def _dropped(entry: list[Any], indexes: Mapping[str, str]) -> Dropped:
    original, _, kind, identity, _, address = entry
    table = indexes.get(identity, "")
    if any(kind.endswith(part) for part in _PARTS) and len(address or ()) > 1:
        table = qualified(*address[:2])
    return Dropped(name=identity, kind=kind, cascaded=not original, table=table)
