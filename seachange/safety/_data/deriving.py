"""The statements of a revision, one after the other -> the checks that they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from seachange.postgres.catalog import qualified
from seachange.safety._data.altering import alter_table, rename, set_schema
from seachange.safety._data.asking import Asking
from seachange.safety._data.bounds import ask_created, partition_keys
from seachange.safety._data.constraints import ask_index
from seachange.safety._data.picture import Picture
from seachange.safety._data.types import alter_domain, alter_enum, create_domain, create_enum
from seachange.safety._data.values import DataCheck, Rows, Values
from seachange.safety._data.writing import copy, delete, insert, look_at_rows, merge, run_code, truncate, update
from seachange.safety.facts import Dropped, RevisionFacts, StatementFacts
from seachange.safety.parsing import Node, enum_name, kind, names, parse

__all__ = ["checks_of"]


def checks_of(picture: Picture, facts: RevisionFacts) -> tuple[DataCheck, ...]:
    """Return what to ask before a revision, and note in the picture what it does.

    :param picture: what the revisions before it do.
    :param facts: the revision.
    """
    asking = Asking(picture, facts)
    for statement in facts.statements:
        asking.begin(statement)
        trees = parse(statement.sql)
        for tree in trees:
            if take := _BY_KIND.get(kind(tree)):
                take(asking, tree)
        _ask_cascaded(asking, statement, trees)
    return tuple(asking.checks)


def _create_table(asking: Asking, statement: Node) -> None:
    relation = statement.relation
    table = asking.picture.name(relation.schemaname, relation.relname)
    if statement.if_not_exists and asking.picture.is_known(table):
        return
    asking.picture.make(table)
    if statement.HasField("partspec"):
        asking.picture.partition_keys[table] = partition_keys(statement.partspec)
    if statement.HasField("partbound"):
        ask_created(asking, table, statement)


def _create_table_as(asking: Asking, statement: Node) -> None:
    relation = statement.into.rel
    table = asking.picture.name(relation.schemaname, relation.relname)
    asking.picture.make(table)
    asking.picture.fill(table, f"{table} is filled from other tables")


def _drop(asking: Asking, statement: Node) -> None:
    if enum_name(statement, "remove_type") != "OBJECT_TABLE":
        return
    for each in statement.objects:
        parts = names(each.list.items)
        table = asking.picture.name(parts[-2] if len(parts) > 1 else "", parts[-1])
        if not statement.missing_ok or asking.picture.is_known(table):
            asking.ask("SC601", f"DROP TABLE {table}", table=table, alias=parts[-1], probe=Rows())
        asking.picture.drop(table)


def _ask_cascaded(asking: Asking, statement: StatementFacts, trees: Iterable[Node]) -> None:
    """Ask of tables and columns that go without being named: by CASCADE, or with their schema."""
    named = {each for tree in trees if kind(tree) == "DropStmt" for each in _dropped(asking, tree)}
    for each in statement.dropped:
        if each.kind == "table" and each.name not in named and (each.cascaded or not named):
            alias = each.name.rpartition(".")[2]
            asking.ask("SC601", f"{each.name} goes with it", table=each.name, alias=alias, probe=Rows())
            asking.picture.drop(each.name)
        elif each.kind == "table column" and each.cascaded and each.table:
            _ask_cascaded_column(asking, each)


def _ask_cascaded_column(asking: Asking, dropped: Dropped) -> None:
    table, alias = dropped.table, dropped.table.rpartition(".")[2]
    column = dropped.name.removeprefix(f"{table}.").strip('"')
    what = f"column {qualified(column)} goes with it"
    asking.ask("SC602", what, table=table, alias=alias, probe=Values(column=column), columns=(column,))
    asking.picture.change(table, alias=alias, gone=[column])


def _dropped(asking: Asking, statement: Node) -> list[str]:
    if enum_name(statement, "remove_type") != "OBJECT_TABLE":
        return []
    parts = [names(each.list.items) for each in statement.objects]
    return [asking.picture.name(each[-2] if len(each) > 1 else "", each[-1]) for each in parts]


_BY_KIND: Mapping[str, Callable[[Asking, Node], None]] = {
    "AlterDomainStmt": alter_domain,
    "AlterEnumStmt": alter_enum,
    "AlterObjectSchemaStmt": set_schema,
    "AlterTableStmt": alter_table,
    "CallStmt": run_code,
    "CopyStmt": copy,
    "CreateDomainStmt": create_domain,
    "CreateEnumStmt": create_enum,
    "CreateStmt": _create_table,
    "CreateTableAsStmt": _create_table_as,
    "DeleteStmt": delete,
    "DoStmt": run_code,
    "DropStmt": _drop,
    "IndexStmt": ask_index,
    "InsertStmt": insert,
    "MergeStmt": merge,
    "RenameStmt": rename,
    "SelectStmt": look_at_rows,
    "TruncateStmt": truncate,
    "UpdateStmt": update,
}
