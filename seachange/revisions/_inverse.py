"""Statements that were committed one by one: whether one that was begun ended well, and what takes one back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from seachange.postgres.statements import without_placeholders

__all__ = ["Inverse", "ended_well", "inverse_of"]

Query = Callable[[str], list[Any]]

_VALID = """
select coalesce(bool_and(i.indisvalid), false) from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
where i.indrelid = pg_catalog.to_regclass({table}) and c.relname = {name}
"""
_ATTACHED = """
select exists (select from pg_catalog.pg_inherits
    where inhrelid = pg_catalog.to_regclass({part}) and inhparent = pg_catalog.to_regclass({whole}))
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inverse:
    """What takes a statement back: SQL, outside of a transaction; ``impossible`` says why nothing does.

    ``only_if`` is a query that must answer true first, ``otherwise`` the reason when it does not.
    """

    sql: str = ""
    impossible: str = ""
    only_if: str = ""
    otherwise: str = ""


def ended_well(statement: str, query: Query) -> bool:
    """Return whether the database has what a statement was to do, which was begun and never answered.

    :param statement: the statement, one that takes no transaction.
    :param query: runs SQL and returns its rows.
    """
    node, kind = _parsed(statement)
    if kind == "index_stmt" and node.idxname:
        return bool(query(_VALID.format(table=_literal(_relation(node.relation)), name=_literal(node.idxname)))[0][0])
    if kind == "drop_stmt":
        names = [".".join(_quoted(part.string.sval) for part in each.list.items) for each in node.objects]
        return all(query(f"select pg_catalog.to_regclass({_literal(name)}) is null")[0][0] for name in names)
    if kind == "alter_table_stmt" and (part := _detached(node)):
        text = _ATTACHED.format(part=_literal(part), whole=_literal(_relation(node.relation)))
        return not query(text)[0][0]
    return False


def inverse_of(statement: str) -> Inverse:
    """Return what takes a statement back, as far as its text tells.

    :param statement: one statement that was committed.
    """
    node, kind = _parsed(statement)
    make = _INVERSES.get(kind)
    if make is None:
        words = " ".join(statement.split()[:3])
        return Inverse(impossible=f"nothing is known that takes {words} back" if kind else "it is not one statement")
    return make(node)


def _of_index(node: Any) -> Inverse:
    if not node.idxname:
        return Inverse(impossible="the server chose the name of the index")
    if node.if_not_exists:
        return Inverse(impossible="IF NOT EXISTS does not tell whether the index was there before")
    schema = f"{_quoted(node.relation.schemaname)}." if node.relation.schemaname else ""
    return Inverse(sql=f"DROP INDEX CONCURRENTLY IF EXISTS {schema}{_quoted(node.idxname)}")


def _of_table(node: Any) -> Inverse:
    if node.if_not_exists:
        return Inverse(impossible="IF NOT EXISTS does not tell whether the table was there before")
    name = _relation(node.relation)
    return Inverse(
        sql=f"DROP TABLE {name}",
        only_if=f"select not exists (select from {name})",  # noqa: S608 - quoted
        otherwise=f"table {name} has rows by now",
    )


def _of_alter(node: Any) -> Inverse:
    from postgast import pg_query_pb2 as pg

    table = _relation(node.relation)
    commands = [each.alter_table_cmd for each in node.cmds]
    if len(commands) != 1 or node.missing_ok:
        return Inverse(impossible="it changes several things at once")
    command = commands[0]
    definition = getattr(command, "def")
    if command.subtype == pg.AT_AddColumn and not command.missing_ok:
        column = _quoted(definition.column_def.colname)
        return Inverse(
            sql=f"ALTER TABLE {table} DROP COLUMN {column}",
            only_if=f"select not exists (select from {table} where {column} is not null)",  # noqa: S608 - quoted
            otherwise=f"column {column} of {table} has values",
        )
    if command.subtype == pg.AT_AddConstraint and definition.constraint.conname:
        return Inverse(sql=f"ALTER TABLE {table} DROP CONSTRAINT {_quoted(definition.constraint.conname)}")
    return Inverse(impossible=f"nothing is known that takes this change of table {table} back")


def _of_enum(node: Any) -> Inverse:
    return Inverse(impossible=f"PostgreSQL cannot take the label {node.new_val!r} away from an enum type")


def _nothing(_: Any) -> Inverse:
    return Inverse()


def _rows(_: Any) -> Inverse:
    return Inverse(impossible="it changed rows, and what they were is not recorded")


def _gone(_: Any) -> Inverse:
    return Inverse(impossible="what it dropped is gone")


_INVERSES: dict[str, Callable[[Any], Inverse]] = {
    "index_stmt": _of_index,
    "create_stmt": _of_table,
    "alter_table_stmt": _of_alter,
    "alter_enum_stmt": _of_enum,
    "drop_stmt": _gone,
    **dict.fromkeys(("vacuum_stmt", "reindex_stmt", "cluster_stmt", "check_point_stmt", "refresh_mat_view_stmt"), _nothing),
    **dict.fromkeys(("insert_stmt", "update_stmt", "delete_stmt", "merge_stmt", "do_stmt", "call_stmt", "truncate_stmt"), _rows),
}


def _parsed(statement: str) -> tuple[Any, str]:
    import postgast

    try:
        parsed = postgast.parse(without_placeholders(statement))
    except postgast.PgQueryError:
        return None, ""
    if len(parsed.stmts) != 1:
        return None, ""
    kind = parsed.stmts[0].stmt.WhichOneof("node") or ""
    return getattr(parsed.stmts[0].stmt, kind), kind


def _detached(node: Any) -> str:
    from postgast import pg_query_pb2 as pg

    commands = [each.alter_table_cmd for each in node.cmds]
    found = [each for each in commands if each.subtype == pg.AT_DetachPartition]
    return _relation(getattr(found[0], "def").partition_cmd.name) if found else ""


def _relation(relation: Any) -> str:
    return ".".join(_quoted(part) for part in (relation.schemaname, relation.relname) if part)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
