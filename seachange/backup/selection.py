"""What of a database goes into a backup: all of it, its schema only, or some schemas or tables by their exact names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from seachange.backup.contents import Contents
from seachange.backup.manifest import Scope
from seachange.errors import ConfigError

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["EVERYTHING", "SELECTED", "Selected", "Selection"]

# How the note of a manifest begins that says what was selected.
SELECTED = "only of "

# Partitions come with their table: pg_dump takes each by its name, and has a switch for it from 16 on only.
_TABLES = """
    WITH RECURSIVE wanted AS (
        SELECT asked.name, to_regclass(asked.name)::oid AS oid FROM unnest(%s::text[]) AS asked (name)
        UNION
        SELECT wanted.name, i.inhrelid FROM wanted JOIN pg_inherits i ON i.inhparent = wanted.oid
            JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
    )
    SELECT wanted.name, CASE WHEN c.oid IS NOT NULL THEN format('%%I.%%I', n.nspname, c.relname) END,
           n.nspname, c.relname, c.relkind::text
    FROM wanted LEFT JOIN pg_class c ON c.oid = wanted.oid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
    ORDER BY 1, 2 NULLS FIRST
"""
_SCHEMAS = "SELECT name FROM unnest(%s::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = name)"
_OF_SCHEMAS = """
    SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(%s)
"""
_WITH_ROWS = frozenset("rpfmvS")

_NO_LARGE_OBJECTS = "large objects are left out: pg_dump takes all of them or none, and a selection takes none"
_NO_ROWS = "rows and large objects are left out: only the schema is in it"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """What somebody asked for; nothing means all of the database."""

    schema_only: bool = False
    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.schemas and self.tables:
            raise ConfigError(
                "schemas and tables were both selected, and pg_dump would pass over the schemas",
                hint="select schemas or tables; two backups hold both",
            )

    @property
    def scope(self) -> Scope:
        """The word for it in the manifest."""
        if self.schema_only:
            return "schema-only"
        return "selected" if self.schemas or self.tables else "database"

    @property
    def notes(self) -> tuple[str, ...]:
        """What somebody who restores has to know, as sentences."""
        selected = ", ".join([*(f"schema {name}" for name in self.schemas), *(f"table {name}" for name in self.tables)])
        found = [f"{SELECTED}{selected}; extensions and what it refers to elsewhere are left out"] if selected else []
        if self.schema_only:
            return (*found, _NO_ROWS)
        return (*found, _NO_LARGE_OBJECTS) if selected else ()

    def resolve(self, session: Connection[Any]) -> Selected:
        """Look the names up in the database.

        :param session: to the database.
        :raises ConfigError: there is no such schema or table.
        """
        missing = [row[0] for row in session.execute(_SCHEMAS, [list(self.schemas)])]
        if missing:
            raise ConfigError(f"there is no schema {', '.join(map(repr, missing))}", hint="give the exact name, without quotes")
        if self.schemas:
            return Selected(selection=self, names=frozenset(row[0] for row in session.execute(_OF_SCHEMAS, [list(self.schemas)])))
        if self.tables:
            names = _tables(session, self.tables)
            return Selected(selection=self, tables=tuple(names.values()), names=frozenset(names))
        return Selected(selection=self)


EVERYTHING = Selection()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selected:
    """A selection as the database has it: the tables to name, and the qualified names of all that is taken, None for all."""

    selection: Selection
    tables: tuple[tuple[str, str], ...] = ()
    names: frozenset[str] | None = None

    @property
    def arguments(self) -> list[str]:
        """The arguments of pg_dump; every name is quoted, so that none is a pattern."""
        found = ["--schema-only"] if self.selection.schema_only else []
        found += [f"--schema={_quoted(name)}" for name in self.selection.schemas]
        return found + [f"--table={_quoted(schema)}.{_quoted(name)}" for schema, name in self.tables]

    def among(self, names: Iterable[str]) -> list[str]:
        """Return which of these tables are taken.

        :param names: qualified names.
        """
        return [name for name in names if self.takes(name)]

    def takes(self, name: str) -> bool:
        """Whether a table is taken.

        :param name: its qualified name.
        """
        return self.names is None or name in self.names

    def contents(self, whole: Contents) -> Contents:
        """Return what is left of the description of a database.

        :param whole: all of it.
        """
        return dataclasses.replace(whole, tables={name: whole.tables[name] for name in self.among(whole.tables)})


def _tables(session: Connection[Any], names: Sequence[str]) -> dict[str, tuple[str, str]]:
    import psycopg

    try:
        rows = session.execute(_TABLES, [list(names)]).fetchall()
    except (psycopg.errors.SyntaxError, psycopg.errors.InvalidName) as exc:
        raise ConfigError(f"one of {', '.join(map(repr, names))} is no name of a table", hint=_QUOTING) from exc
    for asked, _, schema, _, kind in rows:
        if schema is None or kind not in _WITH_ROWS:
            raise ConfigError(f"there is no table {asked!r}", hint=_QUOTING)
    return {full: (schema, name) for _, full, schema, name, _ in rows}


_QUOTING = 'give it as in SQL: orders, archive.orders, \'"Mixed Case"."a b"\''


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
