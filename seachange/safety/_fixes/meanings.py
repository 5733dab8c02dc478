"""The operation of Alembic that a statement of SQL amounts to, and the SQL of its online form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seachange.safety.parsing import Command, commands, constraint_kind, kind, names, parse

__all__ = ["concurrently", "meaning_of", "not_valid"]

_KEYS = {"UNIQUE": "create_unique_constraint", "PRIMARY": "create_primary_key"}
_NONE: tuple[str, Mapping[str, Any]] = ("execute", {})


def meaning_of(sql: str) -> tuple[str, Mapping[str, Any]]:
    """Return the operation that one statement amounts to, with its arguments by name; ``execute`` for any other SQL.

    :param sql: what ``op.execute`` is given.
    """
    trees = parse(sql)
    if len(trees) != 1:
        return _NONE
    (tree,) = trees
    if kind(tree) == "IndexStmt" and tree.idxname:
        table = {"table_name": tree.relation.relname, "schema": tree.relation.schemaname or None}
        return "create_index", {"index_name": tree.idxname, **table, "postgresql_concurrently": tree.concurrent}
    if kind(tree) == "DropStmt":
        return _drop(tree)
    if (found := commands(tree)) and len(found) == 1 and kind(tree) == "AlterTableStmt":
        table = {"table_name": tree.relation.relname, "schema": tree.relation.schemaname or None}
        return _altering(found[0], table)
    return _NONE


def _drop(tree: Any) -> tuple[str, Mapping[str, Any]]:
    from postgast import pg_query_pb2 as pg

    objects = [names(each.list.items) for each in tree.objects]
    if tree.remove_type != pg.OBJECT_INDEX or len(objects) != 1:
        return _NONE
    return "drop_index", {"index_name": objects[0][-1], "postgresql_concurrently": tree.concurrent}


def _altering(command: Command, table: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    if command.kind in ("SetNotNull", "DropNotNull"):
        return "alter_column", {**table, "column_name": command.name, "nullable": command.kind == "DropNotNull"}
    if command.kind == "DropConstraint":
        return "drop_constraint", {**table, "constraint_name": command.name}
    if command.kind == "AddColumn" and command.column is not None:
        return "add_column", {**table, "column_name": command.column.colname}
    return _adding(command.constraint, command.name, table) if command.constraint is not None and command.name else _NONE


def _adding(constraint: Any, name: str, table: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    given = {**table, "constraint_name": name, "postgresql_not_valid": constraint.skip_validation}
    what = constraint_kind(constraint)
    if what == "CHECK":
        return "create_check_constraint", given
    if what == "FOREIGN":
        source = {"source_table": table["table_name"], "source_schema": table["schema"]}
        return "create_foreign_key", {**given, **source, "referent_table": constraint.pktable.relname}
    plain = not (constraint.indexname or constraint.including or constraint.nulls_not_distinct)
    if what in _KEYS and plain:
        timing = {"deferrable": constraint.deferrable, "initially": "DEFERRED" if constraint.initdeferred else None}
        return _KEYS[what], {**given, **timing, "columns": list(names(constraint.keys))}
    return _NONE


def concurrently(sql: str) -> str:
    """Return CREATE INDEX or DROP INDEX with CONCURRENTLY and what makes it ready to be run again."""
    made = re.sub(r"(?i)^(\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+)(?:IF\s+NOT\s+EXISTS\s+)?", r"\1CONCURRENTLY IF NOT EXISTS ", sql)
    return re.sub(r"(?i)^(\s*DROP\s+INDEX\s+)(?:IF\s+EXISTS\s+)?", r"\1CONCURRENTLY IF EXISTS ", made)


def not_valid(sql: str) -> str:
    """Return ADD CONSTRAINT with NOT VALID at its end."""
    body = sql.rstrip("; \t\r\n")
    return f"{body} NOT VALID{sql[len(body) :]}"
