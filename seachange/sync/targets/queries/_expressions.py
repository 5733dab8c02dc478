"""Which expressions of SQL cannot be NULL, given what their columns are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from seachange.sync.targets.queries._columns import NOTHING, Column, Result, Scope

__all__ = ["AGGREGATES", "KNOWN_FUNCTIONS", "Judge", "function_name", "strings"]

# A message of protobuf, whose fields are those of PostgreSQL's own parse tree; it has no types.
Node = Any

#: Give a value for any arguments.
_ALWAYS = frozenset(
    [
        "clock_timestamp",
        "cume_dist",
        "count",
        "current_database",
        "dense_rank",
        "gen_random_uuid",
        "generate_series",
        "grouping",
        "json_build_array",
        "json_build_object",
        "jsonb_build_array",
        "jsonb_build_object",
        "now",
        "num_nonnulls",
        "num_nulls",
        "percent_rank",
        "pg_backend_pid",
        "random",
        "rank",
        "row_number",
        "statement_timestamp",
        "timeofday",
        "transaction_timestamp",
        "txid_current",
        "uuidv4",
        "uuidv7",
        "version",
        "concat",
    ]
)
#: Give NULL for NULL only.
_STRICT = frozenset(
    [
        "abs",
        "ascii",
        "bit_length",
        "btrim",
        "cardinality",
        "ceil",
        "ceiling",
        "char_length",
        "character_length",
        "chr",
        "date_trunc",
        "decode",
        "degrees",
        "encode",
        "exp",
        "floor",
        "initcap",
        "left",
        "length",
        "lower",
        "lpad",
        "ltrim",
        "make_date",
        "make_interval",
        "make_time",
        "md5",
        "mod",
        "nextval",
        "octet_length",
        "pi",
        "pow",
        "power",
        "radians",
        "repeat",
        "replace",
        "reverse",
        "right",
        "round",
        "row_to_json",
        "rpad",
        "rtrim",
        "sha256",
        "sign",
        "split_part",
        "sqrt",
        "starts_with",
        "strpos",
        "timezone",
        "to_date",
        "to_hex",
        "to_json",
        "to_jsonb",
        "to_timestamp",
        "translate",
        "trunc",
        "upper",
    ]
)
#: Over at least one row whose value is not NULL they give a value, and a group has a row.
_OF_GROUPS = frozenset(
    [
        "array_agg",
        "avg",
        "bool_and",
        "bool_or",
        "every",
        "json_agg",
        "jsonb_agg",
        "max",
        "min",
        "string_agg",
        "sum",
        "json_object_agg",
        "jsonb_object_agg",
    ]
)
_RANKS = frozenset(["cume_dist", "dense_rank", "percent_rank", "rank", "row_number"])

#: Make one row of all when there is no GROUP BY.
AGGREGATES = _OF_GROUPS | {"count"}
#: All functions whose names mean something here, if they are PostgreSQL's own.
KNOWN_FUNCTIONS = _ALWAYS | _STRICT | _OF_GROUPS

_NOT_PLAIN_RESULT = frozenset(
    [
        "json_agg",
        "json_build_array",
        "json_build_object",
        "json_object_agg",
        "jsonb_agg",
        "jsonb_build_array",
        "jsonb_build_object",
        "jsonb_object_agg",
        "max",
        "min",
        "row_to_json",
        "to_json",
        "to_jsonb",
    ]
)
_OPERATORS = frozenset(
    [
        "=",
        "<>",
        "!=",
        "<",
        ">",
        "<=",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "||",
        "~",
        "~*",
        "!~",
        "!~*",
        "~~",
        "~~*",
        "!~~",
        "!~~*",
        "^",
    ]
)
_KINDS_OF_OPERATORS = ("AEXPR_OP", "AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_IN", "AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN")
_PLAIN = Column(not_null=True, plain=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judge:
    """Judges expressions; ``subquery`` tells what a query inside returns, ``parameter`` what is known of ``$1`` and so on."""

    subquery: Callable[[Node, Scope], Result]
    parameter: Callable[[int], Column]
    is_shadowed: Callable[[str], bool]

    def judge(self, node: Node, scope: Scope) -> Column:
        """Return what is known of an expression's value."""
        import postgast

        inner = postgast.unwrap_node(node)
        known = getattr(self, f"_{type(inner).DESCRIPTOR.name}", None)
        return known(inner, scope) if known else NOTHING

    def _all(self, nodes: Iterable[Node], scope: Scope, *, plain: bool = True) -> Column:
        found = [self.judge(node, scope) for node in nodes]
        filled = all(one.not_null and one.plain for one in found)
        return Column(not_null=filled, plain=plain)

    def _ColumnRef(self, node: Node, scope: Scope) -> Column:  # noqa: N802 - PostgreSQL's names of its nodes
        if any(field.HasField("a_star") for field in node.fields):
            return NOTHING
        names = strings(node.fields)
        found = scope.column(names[-1], of=names[-2] if len(names) > 1 else "") if len(names) <= 3 else NOTHING
        return dataclasses.replace(found, name=names[-1])

    def _ParamRef(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        del scope
        return self.parameter(node.number)

    def _A_Const(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        del scope
        return Column(not_null=not node.isnull, plain=True)

    def _TypeCast(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        inner = self.judge(node.arg, scope)
        names = strings(node.type_name.names)
        system = (names[0] == "pg_catalog" or len(names) == 1) and names[-1] not in ("json", "jsonb")
        literal = node.arg.HasField("a_const")
        return Column(name=inner.name or names[-1], not_null=inner.not_null and inner.plain, plain=system or literal)

    def _SQLValueFunction(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        del scope
        # current_schema and, after DROP ROLE, the like of it may be NULL; moments and dates never are.
        name = _enum(node, "op").removeprefix("SVFOP_").lower()
        return Column(name=name.removesuffix("_n"), not_null="time" in name or name == "current_date", plain=True)

    def _CoalesceExpr(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        found = [self.judge(each, scope) for each in node.args]
        return Column(name="coalesce", not_null=any(one.not_null for one in found), plain=all(one.plain for one in found))

    def _MinMaxExpr(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        found = self._CoalesceExpr(node, scope)
        return dataclasses.replace(found, name=_enum(node, "op").removeprefix("IS_").lower())

    def _NullTest(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        del node, scope
        return _PLAIN

    def _BooleanTest(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        del node, scope
        return _PLAIN

    def _BoolExpr(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        return self._all(node.args, scope)

    def _A_ArrayExpr(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        del node, scope
        return Column(name="array", not_null=True, plain=True)

    def _RowExpr(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        del node, scope
        return Column(name="row", not_null=True)

    def _CaseExpr(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        results = [each.case_when.result for each in node.args] + ([node.defresult] if node.HasField("defresult") else [])
        found = [self.judge(each, scope) for each in results]
        filled = node.HasField("defresult") and all(one.not_null for one in found)
        return Column(name="case", not_null=filled, plain=all(one.plain for one in found))

    def _A_Expr(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        kind = _enum(node, "kind")
        if kind in ("AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT"):
            return _PLAIN
        sides = [node.lexpr] if node.HasField("lexpr") else []
        sides += list(node.rexpr.list.items) if node.rexpr.HasField("list") else [node.rexpr]
        names = strings(node.name)
        usual = kind in _KINDS_OF_OPERATORS and names[0] in (*_OPERATORS, "BETWEEN", "NOT BETWEEN") and len(names) == 1
        return self._all(sides, scope) if usual else NOTHING

    def _SubLink(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        kind = _enum(node, "sub_link_type")
        if kind == "EXISTS_SUBLINK":
            return dataclasses.replace(_PLAIN, name="exists")
        if kind == "ARRAY_SUBLINK":
            return Column(name="array", not_null=True, plain=True)
        if kind != "EXPR_SUBLINK":
            return NOTHING
        found = self.subquery(node.subselect, scope)
        if not found.columns or len(found.columns) != 1:
            return NOTHING
        only = found.columns[0]
        return Column(name=only.name, not_null=only.not_null and found.one_row, plain=only.plain)

    def _GroupingFunc(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        del node, scope
        return dataclasses.replace(_PLAIN, name="grouping")

    def _FuncCall(self, node: Node, scope: Scope) -> Column:  # noqa: N802
        name = function_name(node)
        bare = Column(name=strings(node.funcname)[-1], plain=name not in _NOT_PLAIN_RESULT)
        if not name or self.is_shadowed(name):
            return dataclasses.replace(bare, plain=False)
        window = node.HasField("over")
        if name in _ALWAYS and not (name in _RANKS and not window):
            return dataclasses.replace(bare, not_null=True)
        if name in _STRICT:
            return dataclasses.replace(bare, not_null=self._all(node.args, scope).not_null)
        if name in _OF_GROUPS:
            filled = scope.grouped and not (window or node.HasField("agg_filter") or node.agg_within_group)
            collects = name in ("array_agg", "json_agg", "jsonb_agg")
            return dataclasses.replace(bare, not_null=filled and (collects or self._each_not_null(node.args, scope)))
        return dataclasses.replace(bare, plain=False)

    def _each_not_null(self, nodes: Iterable[Node], scope: Scope) -> bool:
        return all(self.judge(node, scope).not_null for node in nodes)


def function_name(node: Node) -> str:
    """Return the name of the function of PostgreSQL's own that a FuncCall may mean, empty for one of another schema."""
    names = strings(node.funcname)
    if len(names) == 2 and names[0] == "pg_catalog":
        return names[1]
    return names[0] if len(names) == 1 else ""


def strings(nodes: Iterable[Node]) -> list[str]:
    """Return a list of name nodes as texts."""
    return [each.string.sval for each in nodes if each.HasField("string")]


def _enum(node: Node, field: str) -> str:
    number = getattr(node, field)
    return str(type(node).DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[number].name)
