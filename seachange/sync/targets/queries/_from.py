"""FROM clauses: which columns their items have, and which of them outer joins make NULL."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from seachange.postgres.catalog import qualified
from seachange.sync.targets.queries._catalog import Catalogue, Relation
from seachange.sync.targets.queries._columns import Column, From, Result, Scope, Source, nullable, source
from seachange.sync.targets.queries._expressions import function_name, strings

__all__ = ["Reader", "columns_of"]

Node = Any

# Base tables and their like, whose rows obey the constraints of today.
_TABLES = ("r", "p", "f")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads FROM clauses; ``subquery`` tells what a query inside returns, ``view`` what the definition of a view does."""

    catalogue: Catalogue
    subquery: Callable[[Node, Scope], Result]
    view: Callable[[Relation], tuple[Column, ...] | None]

    def read(self, nodes: Sequence[Node], scope: Scope) -> From:
        """Return the items of a FROM clause.

        :param nodes: its items.
        :param scope: of the statement, with the tables of its WITH.
        """
        read = scope.items
        for node in nodes:
            read = read.beside(self._item(node, dataclasses.replace(scope, items=read)))
        return read

    def target(self, node: Node) -> From:
        """Return the table that a statement writes to; the rows of a view may be made by anybody.

        :param node: its name.
        """
        relation = self.named(node)
        columns = columns_of(relation, self.catalogue) if relation and relation.kind in _TABLES else None
        if relation and columns is None:
            columns = nullable(columns_of(relation, self.catalogue))
        return self._item_of(node, columns)

    def _item(self, node: Node, scope: Scope) -> From:
        import postgast

        inner = postgast.unwrap_node(node)
        kind = type(inner).DESCRIPTOR.name
        if kind == "RangeVar":
            return self._table(inner, scope)
        if kind == "RangeTableSample":
            return self._item(inner.relation, scope)
        if kind == "JoinExpr":
            return self._join(inner, scope)
        if kind == "RangeSubselect":
            around = scope if inner.lateral else dataclasses.replace(scope, items=From())
            found = self.subquery(inner.subquery, around)
            return self._item_of(inner, found.columns)
        if kind == "RangeFunction":
            return self._function(inner)
        return self._item_of(inner, None)

    def _table(self, node: Node, scope: Scope) -> From:
        known, columns = scope.table(node.relname) if not node.schemaname else (False, None)
        if not known and (relation := self.named(node)):
            columns = self._columns(relation)
        return self._item_of(node, columns)

    def named(self, node: Node) -> Relation | None:
        """Return the table or view that a name stands for.

        :param node: its name, which is none of a WITH.
        """
        return self.catalogue.named(qualified(*(part for part in (node.schemaname, node.relname) if part)))

    def _columns(self, relation: Relation) -> tuple[Column, ...]:
        columns = columns_of(relation, self.catalogue)
        if relation.kind in _TABLES:
            return columns
        defined = self.view(relation) if relation.kind == "v" else None
        if defined is None or len(defined) != len(columns):
            return nullable(columns)
        return tuple(dataclasses.replace(column, not_null=one.not_null) for column, one in zip(columns, defined, strict=True))

    def _item_of(self, node: Node, columns: Sequence[Column] | None) -> From:
        alias = node.alias.aliasname if node.HasField("alias") else getattr(node, "relname", "")
        names = tuple(strings(node.alias.colnames)) if node.HasField("alias") else ()
        if columns is None:
            return From(sources=(Source(alias=alias, opaque=True),), opaque=True)
        made = source(alias, columns, names=names)
        return From(sources=(made,), visible=made.columns)

    def _function(self, node: Node) -> From:
        calls = [each.list.items[0] for each in node.functions]
        name = function_name(calls[0].func_call) if len(calls) == 1 and calls[0].HasField("func_call") else ""
        if name != "generate_series" or node.ordinality or self.catalogue.is_shadowed(name):
            return self._item_of(node, None)
        # It gives no row at all for NULL. Its column has the name of the item.
        alias = node.alias.aliasname if node.HasField("alias") else name
        return self._item_of(node, (Column(name=alias, not_null=True, plain=True),))

    def _join(self, node: Node, scope: Scope) -> From:
        left = self._item(node.larg, scope)
        right = self._item(node.rarg, dataclasses.replace(scope, items=scope.items.beside(left)))
        kind = type(node).DESCRIPTOR.fields_by_name["jointype"].enum_type.values_by_number[node.jointype].name
        shared = strings(node.using_clause)
        if node.is_natural:
            theirs = {column.name for column in right.visible}
            shared = [column.name for column in left.visible if column.name in theirs]
        merged = [_merged(name, left, right, kind=kind) for name in shared]
        if kind in ("JOIN_RIGHT", "JOIN_FULL"):
            left = left.extended()
        if kind in ("JOIN_LEFT", "JOIN_FULL"):
            right = right.extended()
        rest = tuple(column for side in (left, right) for column in side.visible if column.name not in shared)
        opaque = left.opaque or right.opaque
        joined = From(sources=left.sources + right.sources, visible=(*merged, *rest), opaque=opaque)
        if node.HasField("join_using_alias"):
            using = Source(alias=node.join_using_alias.aliasname, columns=tuple(merged))
            joined = dataclasses.replace(joined, sources=(*joined.sources, using))
        return self._item_of(node, None if opaque else joined.visible) if node.HasField("alias") else joined


def columns_of(relation: Relation, catalogue: Catalogue) -> tuple[Column, ...]:
    """Return the columns of a table or view as the catalogue has them.

    :param relation: the table or view.
    :param catalogue: knows their types.
    """
    return tuple(
        Column(
            name=column.name,
            not_null=column.not_null or catalogue.refuses_null(column.type),
            plain=catalogue.is_plain(column.type),
            origin=(relation.oid, column.number),
        )
        for column in relation.columns
    )


def _merged(name: str, left: From, right: From, *, kind: str) -> Column:
    """Return the one column that USING makes of two."""

    def of(side: From) -> Column:
        return next((column for column in side.visible if column.name == name), Column(name=name))

    first, second = of(left), of(right)
    filled = {
        "JOIN_INNER": True,
        "JOIN_LEFT": first.not_null,
        "JOIN_RIGHT": second.not_null,
        "JOIN_FULL": first.not_null and second.not_null,
    }.get(kind, False)
    if left.opaque or right.opaque:
        filled = False
    given = second if kind == "JOIN_RIGHT" else first
    return Column(
        name=name, not_null=filled, plain=first.plain and second.plain, origin=None if kind == "JOIN_FULL" else given.origin
    )
