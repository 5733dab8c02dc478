"""Statements that change rows: what the rows are afterwards, as far as that can be foreseen."""

from __future__ import annotations

from seachange.postgres.catalog import qualified
from seachange.safety._data.asking import Asking
from seachange.safety._data.texts import column_names, expression, relations
from seachange.safety._data.values import Rows
from seachange.safety.parsing import Node, enum_name, find, functions, kind, tables_of

__all__ = ["copy", "delete", "insert", "look_at_rows", "merge", "run_code", "truncate", "update"]

# They give the throwaway server something to do and change no rows of tables.
_HARMLESS = ("set_config", "setval", "current_setting", "pg_advisory_xact_lock", "pg_advisory_lock", "pg_sleep", "now")
_NOT_READ_ONLY = ("nextval", "setval", "currval", "lastval")


def update(asking: Asking, statement: Node) -> None:
    """Take in an UPDATE: where one look at the rows says what it makes of them, later checks see its values."""
    relation = statement.relation
    table, alias = asking.picture.name(relation.schemaname, relation.relname), _alias(relation)
    targets = {each.res_target.name: each.res_target.val for each in statement.target_list}
    where = expression(statement.where_clause) if statement.HasField("where_clause") else ""
    if asking.picture.is_made(table):
        asking.picture.fill(table, _doing(asking, "an UPDATE", table))
    elif not _is_foreseeable(asking, statement) or any(value.HasField("multi_assign_ref") for value in targets.values()):
        asking.picture.doubt_rows(_doing(asking, "an UPDATE", table), table=table, columns=targets)
    else:
        values = {name: _updated(statement, name, value, where=where, alias=alias) for name, value in targets.items()}
        asking.picture.change(table, alias=alias, values=values, written=True)


def _updated(statement: Node, column: str, value: Node, *, where: str, alias: str) -> str:
    new, old = expression(value), qualified(alias, column)
    if statement.from_clause:
        source = f"FROM {relations(statement.from_clause)}" + (f" WHERE {where}" if where else "")
        return f"CASE WHEN EXISTS (SELECT 1 {source}) THEN (SELECT {new} {source} LIMIT 1) ELSE {old} END"
    return f"CASE WHEN {where} THEN {new} ELSE {old} END" if where else f"CASE WHEN true THEN {new} ELSE {old} END"


def delete(asking: Asking, statement: Node) -> None:
    """Take in a DELETE."""
    relation = statement.relation
    table, alias = asking.picture.name(relation.schemaname, relation.relname), _alias(relation)
    if asking.picture.is_made(table):
        return
    if statement.using_clause or not _is_foreseeable(asking, statement):
        asking.picture.doubt_rows(_doing(asking, "a DELETE", table), table=table)
        return
    where = expression(statement.where_clause) if statement.HasField("where_clause") else "true"
    asking.picture.change(table, alias=alias, where=f"({where}) IS NOT TRUE", written=True)
    asking.picture.fill(table, _doing(asking, "a DELETE", table))


def insert(asking: Asking, statement: Node) -> None:
    """Take in an INSERT: rows that are there stay, unless ON CONFLICT changes them."""
    relation = statement.relation
    table = asking.picture.name(relation.schemaname, relation.relname)
    reason = _doing(asking, "an INSERT", table)
    if statement.HasField("on_conflict_clause") and enum_name(statement.on_conflict_clause, "action") == "ONCONFLICT_UPDATE":
        asking.picture.doubt_rows(reason, table=table)
    elif not asking.picture.is_made(table) or tables_of(statement.select_stmt):
        asking.picture.fill(table, reason)


def merge(asking: Asking, statement: Node) -> None:
    """Take in a MERGE."""
    relation = statement.relation
    table = asking.picture.name(relation.schemaname, relation.relname)
    asking.picture.doubt_rows(_doing(asking, "a MERGE", table), table=table)


def copy(asking: Asking, statement: Node) -> None:
    """Take in a COPY."""
    if statement.is_from and statement.HasField("relation"):
        relation = statement.relation
        table = asking.picture.name(relation.schemaname, relation.relname)
        asking.picture.fill(table, _doing(asking, "a COPY", table))


def truncate(asking: Asking, statement: Node) -> None:
    """Take in a TRUNCATE, which loses the rows of its tables, and with CASCADE of those that refer to them."""
    cascade = enum_name(statement, "behavior") == "DROP_CASCADE"
    for each in statement.relations:
        relation = each.range_var
        table = asking.picture.name(relation.schemaname, relation.relname)
        what = f"TRUNCATE {table}{' CASCADE' if cascade else ''}"
        asking.ask("SC606", what, table=table, alias=relation.relname, probe=Rows(cascade=cascade), only=not relation.inh)
        if not asking.picture.is_made(table):
            asking.picture.change(table, alias=relation.relname, where="false")
        if cascade:
            asking.picture.doubt_rows(_doing(asking, "a TRUNCATE ... CASCADE", table))


def run_code(asking: Asking, statement: Node) -> None:
    """Take in a DO or CALL, which may do anything."""
    asking.picture.doubt_rows(f"{'a DO block' if kind(statement) == 'DoStmt' else 'a CALL'} runs before{_at(asking)}")


def look_at_rows(asking: Asking, statement: Node) -> None:
    """Take in a SELECT: a revision that looks at rows may send something else where there are some; a function may write."""
    called = [each for each in functions(statement) if each.rpartition(".")[2] not in _HARMLESS]
    read = [each for each in tables_of(statement) if not each.startswith(("pg_catalog.", "information_schema.", "public.pg_"))]
    if read and asking.statement.op in ("", "connection"):
        asking.picture.doubt_rows(f"the revision looks at rows and may send more where there are some{_at(asking)}")
    elif called and asking.statement.op not in ("", "connection"):
        asking.picture.doubt_rows(f"{called[0]}() runs before{_at(asking)}")


def _is_foreseeable(asking: Asking, statement: Node) -> bool:
    """Whether one look at the rows says what the statement makes of them; one of many, or a batch, is not all of it."""
    if asking.statement.count > 1 or statement.HasField("with_clause") or statement.HasField("returning_clause"):
        return False
    if any(each.HasField("limit_count") for each in find(statement, "SelectStmt")) or "ctid" in column_names(statement):
        return False
    if any(each.rpartition(".")[2] in _NOT_READ_ONLY for each in functions(statement)) or any(find(statement, "SetToDefault")):
        return False
    named = [asking.picture.name(each.schemaname, each.relname) for each in find(statement, "RangeVar")]
    own = asking.picture.name(statement.relation.schemaname, statement.relation.relname)
    named.remove(own)
    return not any(asking.picture.is_changed(each) for each in named)


def _alias(relation: Node) -> str:
    return str(relation.alias.aliasname or relation.relname)


def _doing(asking: Asking, what: str, table: str) -> str:
    return f"{what} of {table} runs before{_at(asking)}"


def _at(asking: Asking) -> str:
    return f" ({asking.statement.where})" if asking.statement.where else ""
