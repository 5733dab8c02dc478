"""Which parameters of a query accept None."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from seachange.postgres.catalog import qualified
from seachange.sync.targets.queries._catalog import Catalogue, Relation

__all__ = ["accepting_none"]

Node = Any


def accepting_none(tree: Node, catalogue: Catalogue) -> frozenset[int]:
    """Return the numbers of the parameters that may be None.

    Those are given as they are to a column that may be NULL, or the query says itself what NULL means there: in ``IS NULL``,
    ``IS DISTINCT FROM``, and in COALESCE before its end. One that is given to a column without NULL as well is none.

    :param tree: the statement.
    :param catalogue: knows its tables.
    """
    accepted: set[int] = set()
    refused: set[int] = set()
    for kind, node in _nodes(tree):
        for number, nullable in _uses(kind, node, catalogue):
            (accepted if nullable else refused).add(number)
    return frozenset(accepted - refused)


def _nodes(tree: Node) -> Iterator[tuple[str, Node]]:
    import postgast

    yield from ((str(type(node).DESCRIPTOR.name), node) for _, node in postgast.walk(tree))


def _uses(kind: str, node: Node, catalogue: Catalogue) -> Iterator[tuple[int, bool]]:
    if kind == "NullTest":
        yield from _handled([node.arg])
    elif kind == "A_Expr" and node.kind in (_kind(node, "AEXPR_DISTINCT"), _kind(node, "AEXPR_NOT_DISTINCT")):
        yield from _handled([node.lexpr, node.rexpr])
    elif kind == "CoalesceExpr":
        yield from _handled(node.args[:-1])
    elif kind in ("InsertStmt", "UpdateStmt", "MergeStmt"):
        relation = catalogue.named(qualified(*(part for part in (node.relation.schemaname, node.relation.relname) if part)))
        if relation is not None:
            names = _names_and_values(kind, node, relation)
            yield from (
                (number, _is_nullable(catalogue, relation, name)) for name, value in names if (number := _parameter(value))
            )


def _kind(node: Node, name: str) -> int:
    return int(type(node).DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_name[name].number)


def _handled(nodes: Iterable[Node]) -> Iterator[tuple[int, bool]]:
    yield from ((number, True) for node in nodes if (number := _parameter(node)))


def _names_and_values(kind: str, node: Node, relation: Relation) -> list[tuple[str, Node]]:
    """Return the values that a statement gives to columns, with the names of these."""
    pairs: list[tuple[str, Node]] = []
    if kind == "InsertStmt":
        names = [each.res_target.name for each in node.cols] or [column.name for column in relation.columns]
        source = node.select_stmt.select_stmt
        rows = [list(row.list.items) for row in source.values_lists] or [[each.res_target.val for each in source.target_list]]
        pairs += [pair for row in rows for pair in zip(names, row, strict=False)]
        pairs += _assigned(node.on_conflict_clause.target_list)
    elif kind == "UpdateStmt":
        pairs += _assigned(node.target_list)
    else:
        for each in node.merge_when_clauses:
            clause = each.merge_when_clause
            names = [one.res_target.name for one in clause.target_list] or [column.name for column in relation.columns]
            pairs += zip(names, clause.values, strict=False) if clause.values else _assigned(clause.target_list)
    return pairs


def _assigned(targets: Iterable[Node]) -> Iterator[tuple[str, Node]]:
    for each in targets:
        target = each.res_target
        if target.indirection:
            continue
        if target.val.HasField("multi_assign_ref"):
            several = target.val.multi_assign_ref
            if several.source.HasField("row_expr"):
                yield target.name, several.source.row_expr.args[several.colno - 1]
        else:
            yield target.name, target.val


def _parameter(node: Node) -> int:
    while node.HasField("type_cast"):
        node = node.type_cast.arg
    return int(node.param_ref.number) if node.HasField("param_ref") else 0


def _is_nullable(catalogue: Catalogue, relation: Relation, name: str) -> bool:
    column = next((one for one in relation.columns if one.name == name), None)
    return column is not None and not (column.not_null or catalogue.refuses_null(column.type))
