"""Which new column or table may be an old one under another name."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from sqlalchemy import Enum, text
from sqlalchemy.exc import CompileError, UnsupportedCompilationError

from seachange.revisions._found import Thing

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection

__all__ = ["likely"]

# Equal types, whatever their length, or a cast that PostgreSQL makes by itself because it loses nothing.
_SAFE = text("""
select s.oid = t.oid or exists (
    select from pg_catalog.pg_cast c where c.castsource = s.oid and c.casttarget = t.oid and c.castcontext = 'i')
from pg_catalog.pg_type s, pg_catalog.pg_type t where s.oid = to_regtype(:source) and t.oid = to_regtype(:target)
""")


def likely(old: Thing, new: tuple[Thing, ...], connection: Connection) -> tuple[Thing, ...]:
    """Return what ``old`` may have become, the likeliest first.

    :param old: what is dropped.
    :param new: what is added.
    :param connection: where the types are known.
    """
    same_place = [each for each in new if each.kind == old.kind and each.schema == old.schema]
    if old.kind == "column":
        found = [each for each in same_place if each.table == old.table and _compatible(old, each, connection)]
        return tuple(sorted(found, key=lambda each: (-_similar(old.name, each.name), each.name)))
    shares = {each.name: _share(old, each, connection) for each in same_place}
    mostly = [each for each in same_place if shares[each.name] > 1 / 2]
    return tuple(sorted(mostly, key=lambda each: (-shares[each.name], -_similar(old.name, each.name), each.name)))


def _share(old: Thing, new: Thing, connection: Connection) -> float:
    """Return how much of the larger of two tables is in both."""
    columns = {column.name: column for column in new.columns}
    both = [each for each in old.columns if each.name in columns and _fits(each, columns[each.name], connection)]
    return len(both) / max(len(old.columns), len(new.columns), 1)


def _compatible(old: Thing, new: Thing, connection: Connection) -> bool:
    return _fits(old.columns[0], new.columns[0], connection)


def _fits(old: Column[Any], new: Column[Any], connection: Connection) -> bool:
    # A computed column holds nothing that could be lost.
    if old.computed is not None or new.computed is not None:
        return False
    if isinstance(old.type, Enum) and isinstance(new.type, Enum):
        return list(old.type.enums) == list(new.type.enums)
    try:
        source, target = (str(column.type.compile(dialect=connection.dialect)) for column in (old, new))
    except (CompileError, UnsupportedCompilationError):
        # The type of an extension that SQLAlchemy does not know.
        return False
    return source == target or bool(connection.scalar(_SAFE, {"source": source, "target": target}))


def _similar(old: str, new: str) -> float:
    return difflib.SequenceMatcher(a=old, b=new).ratio()
