"""What statements return: which of their columns cannot be NULL, and whether they return exactly one row."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from seachange.sync.targets.queries._catalog import Catalogue, Relation
from seachange.sync.targets.queries._columns import NOTHING, Column, From, Result, Scope, Source, nullable
from seachange.sync.targets.queries._expressions import AGGREGATES, KNOWN_FUNCTIONS, Judge, function_name, strings
from seachange.sync.targets.queries._from import Reader

__all__ = ["Statements", "learn"]

Node = Any
_UNKNOWN = Result(columns=None)
_SEVERAL_ROWS = frozenset(["generate_series"])


class Statements:
    """Reads statements with the help of the catalogue.

    :param catalogue: of the server.
    :param parameter: what is known of ``$1`` and so on.
    """

    def __init__(self, catalogue: Catalogue, parameter: Callable[[int], Column]) -> None:
        self.catalogue = catalogue
        self._judge = Judge(subquery=self.result, parameter=parameter, is_shadowed=catalogue.is_shadowed)
        self._reader = Reader(catalogue=catalogue, subquery=self.result, view=self._view)
        self._views: dict[int, tuple[Column, ...] | None] = {}
        #: The names of the columns of each star, by its place in the text.
        self.stars: dict[int, tuple[str, ...]] = {}

    def result(self, node: Node, outer: Scope | None = None) -> Result:
        """Return what a statement returns.

        :param node: a SELECT, VALUES, INSERT, UPDATE, DELETE or MERGE.
        :param outer: where it stands.
        """
        import postgast

        inner = postgast.unwrap_node(node)
        kind = type(inner).DESCRIPTOR.name
        if kind not in ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"):
            return _UNKNOWN
        scope = self._with(inner.with_clause, Scope(outer=outer)) if inner.HasField("with_clause") else Scope(outer=outer)
        return self._select(inner, scope) if kind == "SelectStmt" else self._written(inner, kind, scope)

    def _view(self, relation: Relation) -> tuple[Column, ...] | None:
        if relation.oid not in self._views:
            # None for as long as it is read: a view cannot refer to itself, but nothing here depends on that.
            self._views[relation.oid] = None
            trees = _parsed(relation.definition)
            if len(trees) == 1:
                learn(self.catalogue, trees)
                # Its stars are at places of another text.
                stars = dict(self.stars)
                self._views[relation.oid] = self.result(trees[0]).columns
                self.stars = stars
        return self._views[relation.oid]

    def _with(self, clause: Node, scope: Scope) -> Scope:
        for each in clause.ctes:
            table = each.common_table_expr
            found = self._recursive(table, scope) if clause.recursive else self.result(table.ctequery, scope).columns
            known = dict(scope.tables)
            known[table.ctename] = _renamed(found, table)
            scope = dataclasses.replace(scope, tables=known)
        return scope

    def _recursive(self, table: Node, scope: Scope) -> tuple[Column, ...] | None:
        """Return the columns of a table that may refer to itself: less and less is certain until that changes nothing."""
        query = table.ctequery.select_stmt
        if not table.ctequery.HasField("select_stmt") or not query.HasField("larg") or query.HasField("with_clause"):
            known = dataclasses.replace(scope, tables={**scope.tables, table.ctename: None})
            return self.result(table.ctequery, known).columns
        found = self._select(query.larg, scope).columns
        while found is not None:
            known = dataclasses.replace(scope, tables={**scope.tables, table.ctename: _renamed(found, table)})
            wider = _both(found, self._select(query, known).columns)
            if wider is None or [column.not_null for column in wider] == [column.not_null for column in found]:
                return wider
            found = wider
        return None

    def _select(self, node: Node, scope: Scope) -> Result:
        if node.HasField("with_clause"):
            scope = self._with(node.with_clause, scope)
        operation = _enum(node, "op")
        if operation != "SETOP_NONE":
            left, right = self._select(node.larg, scope).columns, self._select(node.rarg, scope).columns
            return Result(columns=_combined(left, right, operation))
        if node.values_lists:
            return self._values(node, scope)
        items = self._reader.read(node.from_clause, scope)
        inside = dataclasses.replace(
            scope,
            items=items,
            grouped=bool(node.group_clause),
            rolled=any(each.HasField("grouping_set") for each in node.group_clause),
        )
        inside = dataclasses.replace(inside, proven=frozenset(self._proven(node.where_clause, inside)))
        columns = self._targets(node.target_list, inside)
        return Result(columns=columns, one_row=_is_one_row(node))

    def _targets(self, targets: Iterable[Node], scope: Scope) -> tuple[Column, ...] | None:
        found: list[Column] = []
        for each in targets:
            value = each.res_target.val
            names = strings(value.column_ref.fields) if value.HasField("column_ref") else []
            if value.HasField("column_ref") and value.column_ref.fields[-1].HasField("a_star"):
                columns = scope.star(names[-1] if names else "")
                if columns is None:
                    return None
                found += columns
                self.stars[value.column_ref.location] = tuple(column.name for column in columns)
                continue
            judged = self._judge.judge(value, scope)
            # Grouping sets make NULL of constants, too; only what counts is left.
            if scope.rolled and not (value.HasField("func_call") and function_name(value.func_call) == "count"):
                judged = dataclasses.replace(judged, not_null=False)
            found.append(dataclasses.replace(judged, name=each.res_target.name or judged.name or "?column?"))
        return tuple(dataclasses.replace(column, key=None) for column in found)

    def _values(self, node: Node, scope: Scope) -> Result:
        rows = [[self._judge.judge(each, scope) for each in row.list.items] for row in node.values_lists]
        columns = tuple(
            Column(
                name=f"column{number}",
                not_null=all(row[number - 1].not_null for row in rows),
                plain=all(row[number - 1].plain for row in rows),
            )
            for number in range(1, len(rows[0]) + 1)
        )
        limited = node.HasField("limit_count") or node.HasField("limit_offset")
        return Result(columns=columns, one_row=len(rows) == 1 and not limited)

    def _proven(self, where: Node, scope: Scope) -> Iterable[tuple[int, int]]:
        """Yield the columns that a condition keeps from being NULL by ``IS NOT NULL``."""
        if where.HasField("bool_expr") and _enum(where.bool_expr, "boolop") == "AND_EXPR":
            for each in where.bool_expr.args:
                yield from self._proven(each, scope)
        elif where.HasField("null_test") and _enum(where.null_test, "nulltesttype") == "IS_NOT_NULL":
            key = self._judge.judge(where.null_test.arg, scope).key
            if key is not None:
                yield key

    def _written(self, node: Node, kind: str, scope: Scope) -> Result:
        if not node.HasField("returning_clause"):
            return Result(columns=())
        written = self._reader.target(node.relation)
        others = [*getattr(node, "from_clause", ()), *getattr(node, "using_clause", ())]
        others += [node.source_relation] if kind == "MergeStmt" else []
        items = self._reader.read(others, dataclasses.replace(scope, items=written))
        if kind == "MergeStmt":
            items = _merged(written, items)
        # The row before or after may not be there, whatever these are called.
        rows = [Source(alias=alias, columns=nullable(written.visible), opaque=written.opaque) for alias in _row_names(node)]
        inside = dataclasses.replace(scope, items=dataclasses.replace(items, sources=(*items.sources, *rows)))
        columns = self._targets(node.returning_clause.exprs, inside)
        return Result(columns=columns, one_row=kind == "InsertStmt" and self._inserts_one(node))

    def _inserts_one(self, node: Node) -> bool:
        clause = node.on_conflict_clause
        skips = node.HasField("on_conflict_clause") and (
            _enum(clause, "action") == "ONCONFLICT_NOTHING" or clause.HasField("where_clause")
        )
        relation = self._reader.named(node.relation)
        single = node.select_stmt.select_stmt
        one = not node.HasField("select_stmt") or (len(single.values_lists) == 1 and not single.HasField("limit_count"))
        return one and not skips and relation is not None and relation.kind in "rp" and not relation.diverts


def learn(catalogue: Catalogue, trees: Iterable[Node]) -> None:
    """Ask the catalogue at once for everything that some statements name.

    :param catalogue: to be asked.
    :param trees: the statements.
    """
    import postgast

    from seachange.postgres.catalog import qualified

    names: set[str] = set()
    functions: set[str] = set()
    for tree in trees:
        for _, node in postgast.walk(tree):
            kind = type(node).DESCRIPTOR.name
            if kind == "RangeVar":
                names.add(qualified(*(part for part in (node.schemaname, node.relname) if part)))
            elif kind == "FuncCall":
                functions.add(function_name(node))
    catalogue.learn_names(names)
    catalogue.learn_functions(functions & KNOWN_FUNCTIONS)


@functools.lru_cache(maxsize=1024)
def _parsed(sql: str) -> tuple[Node, ...]:
    import postgast

    try:
        return tuple(each.stmt for each in postgast.parse(sql).stmts)
    except postgast.PgQueryError:
        return ()


def _is_one_row(node: Node) -> bool:
    """Whether a SELECT returns one row, whatever there is: all rows summed up, or no table at all."""
    if node.group_clause or any(node.HasField(name) for name in ("having_clause", "limit_count", "limit_offset")):
        return False
    calls = [call for each in node.target_list for call in _calls(each)]
    names = [function_name(call) for call in calls]
    if any(name not in KNOWN_FUNCTIONS or name in _SEVERAL_ROWS for name in names):
        return False
    sums = any(name in AGGREGATES and not call.HasField("over") for name, call in zip(names, calls, strict=True))
    return sums or not (node.from_clause or node.HasField("where_clause"))


def _calls(node: Node) -> Iterator[Node]:
    """Yield the calls of functions in an expression, without those of the queries in it."""
    kind = type(node).DESCRIPTOR.name
    if kind == "SubLink":
        return
    if kind == "FuncCall":
        yield node
    for field, value in node.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else (value,):
                yield from _calls(each)


def _renamed(columns: tuple[Column, ...] | None, table: Node) -> tuple[Column, ...] | None:
    """Return the columns of a WITH query under the names that it gives them, and those that SEARCH and CYCLE add."""
    if columns is None:
        return None
    names = strings(table.aliascolnames)
    found = [
        dataclasses.replace(column, name=names[place] if place < len(names) else column.name)
        for place, column in enumerate(columns)
    ]
    if table.HasField("search_clause"):
        found.append(dataclasses.replace(NOTHING, name=table.search_clause.search_seq_column))
    if table.HasField("cycle_clause"):
        clause = table.cycle_clause
        found += [dataclasses.replace(NOTHING, name=name) for name in (clause.cycle_mark_column, clause.cycle_path_column)]
    return tuple(found)


def _both(left: tuple[Column, ...] | None, right: tuple[Column, ...] | None) -> tuple[Column, ...] | None:
    return _combined(left, right, "SETOP_UNION")


def _combined(left: Sequence[Column] | None, right: Sequence[Column] | None, operation: str) -> tuple[Column, ...] | None:
    if left is None or right is None or len(left) != len(right):
        return None

    def filled(one: Column, other: Column) -> bool:
        if operation == "SETOP_EXCEPT":
            return one.not_null
        if operation == "SETOP_INTERSECT":
            return one.not_null or other.not_null
        return one.not_null and other.not_null

    return tuple(
        Column(name=one.name, not_null=filled(one, other), plain=one.plain and other.plain)
        for one, other in zip(left, right, strict=True)
    )


def _merged(written: From, items: From) -> From:
    """Return the items of a MERGE: PostgreSQL lists the source before the table, and the source may have no row."""
    number = len(written.sources)
    source = From(sources=items.sources[number:], visible=items.visible[len(written.visible) :], opaque=items.opaque)
    return source.extended().beside(written)


def _row_names(node: Node) -> tuple[str, ...]:
    given = {_enum(each.returning_option, "option"): each.returning_option.value for each in node.returning_clause.options}
    return given.get("RETURNING_OPTION_OLD", "old"), given.get("RETURNING_OPTION_NEW", "new")


def _enum(node: Node, field: str) -> str:
    number = getattr(node, field)
    return str(type(node).DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[number].name)
