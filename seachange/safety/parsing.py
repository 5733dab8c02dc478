"""SQL as trees: the statements of a text, and what rules ask of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from seachange.postgres.catalog import qualified
from seachange.postgres.statements import without_placeholders

__all__ = [
    "Command",
    "Node",
    "commands",
    "constraint_kind",
    "default_of",
    "dropped_names",
    "enum_name",
    "find",
    "functions",
    "kind",
    "names",
    "object_name",
    "option_names",
    "parse",
    "relation_name",
    "tables_of",
    "type_name",
]

# A message of protobuf, whose fields are those of PostgreSQL's own parse tree; it has no types.
Node: TypeAlias = Any

# What the grammar makes of SQL's names for its own types, and format_type writes back.
_SQL_TYPES = {
    "bool": "boolean",
    "bpchar": "character",
    "char": '"char"',
    "float4": "real",
    "float8": "double precision",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "varbit": "bit varying",
    "varchar": "character varying",
}
_ALL_FIELDS = 0x7FFF
_INTERVAL_FIELDS = {"year": 1 << 2, "month": 1 << 1, "day": 1 << 3, "hour": 1 << 10, "minute": 1 << 11, "second": 1 << 12}
_ZONES = {
    "time": ("time", " without time zone"),
    "timetz": ("time", " with time zone"),
    "timestamp": ("timestamp", " without time zone"),
    "timestamptz": ("timestamp", " with time zone"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """One command of an ALTER TABLE.

    ``kind`` is PostgreSQL's own word without its prefix: ``AddColumn``, ``AlterColumnType``, ``SetNotNull``. ``name`` is what it
    names: a column, constraint, trigger. ``column`` is the ColumnDef of ADD COLUMN and ALTER COLUMN TYPE, ``type`` its type as
    ``format_type`` writes it; ``constraint`` the Constraint of ADD CONSTRAINT, ``constraints`` that one or those of a column.
    """

    kind: str
    name: str = ""
    type: str = ""
    column: Node = None
    constraint: Node = None
    constraints: tuple[Node, ...] = ()
    cascade: bool = False
    node: Node = dataclasses.field(repr=False)


@functools.lru_cache(maxsize=2048)
def parse(sql: str) -> tuple[Node, ...]:
    """Return the statements of a text as trees, () when it is none that PostgreSQL 18 could parse.

    The trees are shared between callers, who must not change them.

    :param sql: one or more statements, with placeholders of a driver or without.
    """
    import postgast

    try:
        parsed = postgast.parse(without_placeholders(sql))
    except postgast.PgQueryError:
        return ()
    return tuple(postgast.unwrap_node(each.stmt) for each in parsed.stmts)


def kind(node: Node) -> str:
    """Return the kind of a node as PostgreSQL names it: ``AlterTableStmt``, ``IndexStmt``, ``A_Const``."""
    return str(type(node).DESCRIPTOR.name)


def find(node: Node, *kinds: str) -> Iterator[Node]:
    """Yield the nodes of some kinds in a tree, itself included, from its beginning to its end.

    :param kinds: such as ``FuncCall``, ``ColumnRef``; all when none is named.
    """
    import postgast

    for _, inner in postgast.walk(node):
        if not kinds or kind(inner) in kinds:
            yield inner


def enum_name(node: Node, field: str) -> str:
    """Return the name of an enumerated field: ``OBJECT_TABLE``, ``DROP_CASCADE``.

    :param field: such as ``remove_type``.
    """
    number = getattr(node, field)
    return str(type(node).DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[number].name)


def names(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Return a list of name nodes as texts; a star and what is no name are left out."""
    return tuple(each.string.sval for each in nodes if each.HasField("string"))


def relation_name(relation: Node, *, schema: str = "public") -> str:
    """Return a RangeVar as ``schema.name``, quoted where needed.

    :param schema: the schema of a name that has none.
    """
    return qualified(relation.schemaname or schema, relation.relname)


def object_name(node: Node, *, schema: str = "public") -> str:
    """Return a name given as a list, as DROP and COMMENT give it, as ``schema.name``, quoted where needed.

    :param node: a List, TypeName, ObjectWithArgs or String wrapped in a Node, or bare.
    :param schema: the schema of a name that has none, empty for objects that are in no schema.
    """
    import postgast

    inner = postgast.unwrap_node(node)
    found = _parts(inner)
    if len(found) == 1 and schema:
        found = (schema, *found)
    return qualified(*found)


def dropped_names(statement: Node, *, schema: str = "public") -> tuple[str, ...]:
    """Return the names in a DROP statement.

    :param statement: a DropStmt; of a trigger, policy or rule the last part is its own name and those before it its table's.
    :param schema: the schema of a name that has none.
    """
    what = enum_name(statement, "remove_type").removeprefix("OBJECT_")
    if what in ("SCHEMA", "EXTENSION", "EVENT_TRIGGER", "FOREIGN_SERVER", "FDW", "LANGUAGE", "PUBLICATION", "ACCESS_METHOD"):
        return tuple(object_name(each, schema="") for each in statement.objects)
    if what in ("TRIGGER", "POLICY", "RULE"):
        return tuple(_part_of_table(names(each.list.items), schema) for each in statement.objects)
    return tuple(object_name(each, schema=schema) for each in statement.objects)


def tables_of(node: Node, *, schema: str = "public") -> tuple[str, ...]:
    """Return every relation that a statement names, each once, in the order of the text.

    Names of WITH queries are left out.

    :param schema: the schema of a name that has none.
    """
    local = {each.ctename for each in find(node, "CommonTableExpr")}
    found = (each for each in find(node, "RangeVar") if each.schemaname or each.relname not in local)
    return tuple(dict.fromkeys(relation_name(each, schema=schema) for each in found))


def commands(statement: Node) -> tuple[Command, ...]:
    """Return the commands of an ALTER TABLE; () for another statement."""
    if kind(statement) != "AlterTableStmt":
        return ()
    return tuple(_command(each.alter_table_cmd) for each in statement.cmds)


def constraint_kind(constraint: Node) -> str:
    """Return the kind of a Constraint: ``CHECK``, ``FOREIGN``, ``UNIQUE``, ``PRIMARY``, ``NOTNULL``, ``DEFAULT``."""
    return enum_name(constraint, "contype").removeprefix("CONSTR_")


def default_of(column: Node) -> Node:
    """Return the expression of DEFAULT in a ColumnDef, None when it has none."""
    import postgast

    found = (each.constraint for each in column.constraints if constraint_kind(each.constraint) == "DEFAULT")
    return next((postgast.unwrap_node(each.raw_expr) for each in found), None)


def functions(node: Node) -> tuple[str, ...]:
    """Return the names of the functions that a tree calls, with their schema where it is given and is not pg_catalog.

    CURRENT_TIMESTAMP and its like are no functions to the grammar and are left out.
    """
    calls = (names(each.funcname) for each in find(node, "FuncCall"))
    return tuple(".".join(each[1:] if each[0] == "pg_catalog" else each) for each in calls if each)


def option_names(options: Iterable[Node]) -> frozenset[str]:
    """Return the names of a statement's options, such as ``concurrently``, ``full``, ``analyze``."""
    return frozenset(each.def_elem.defname for each in options)


def type_name(node: Node) -> str:
    """Return a TypeName as ``format_type`` writes it: ``character varying(20)``, ``timestamp with time zone``, ``integer[]``.

    A type that is not SQL's own keeps the name that the text gives it; ``serial`` stays ``serial``.
    """
    parts = names(node.names)
    builtin = len(parts) == 1 or parts[0] == "pg_catalog"
    name = parts[-1] if builtin else qualified(*parts)
    arguments = [_argument(each) for each in node.typmods]
    modifier = f"({','.join(arguments)})" if arguments else ""
    if builtin and name in _ZONES:
        front, back = _ZONES[name]
        text = f"{front}{modifier}{back}"
    elif builtin and name == "interval":
        text = f"interval{_fields(arguments[:1])}{f'({arguments[1]})' if len(arguments) > 1 else ''}"
    elif builtin and name == "bpchar" and not arguments:
        text = name
    else:
        text = f"{_SQL_TYPES.get(name) or qualified(name) if builtin else name}{modifier}"
    return text + ("[]" if node.array_bounds else "")


def _parts(node: Node) -> tuple[str, ...]:
    what = kind(node)
    if what == "String":
        return (node.sval,)
    if what == "RangeVar":
        return tuple(part for part in (node.schemaname, node.relname) if part)
    field = {"List": "items", "TypeName": "names", "ObjectWithArgs": "objname"}.get(what)
    return names(getattr(node, field)) if field else ()


def _argument(node: Node) -> str:
    constant = node.a_const
    found = {
        "ival": lambda: str(constant.ival.ival),
        "sval": lambda: str(constant.sval.sval),
        "fval": lambda: str(constant.fval.fval),
    }
    return found.get(constant.WhichOneof("val") or "", str)()


def _fields(mask: list[str]) -> str:
    """Return the fields that an interval is restricted to; their mask is that of src/include/utils/datetime.h."""
    bits = int(mask[0]) if mask else _ALL_FIELDS
    found = [name for name, bit in _INTERVAL_FIELDS.items() if bits & bit] if bits != _ALL_FIELDS else []
    return f" {' to '.join(dict.fromkeys((found[0], found[-1])))}" if found else ""


def _part_of_table(parts: tuple[str, ...], schema: str) -> str:
    *table, name = parts
    return qualified(*(table if len(table) > 1 else (schema, *table)), name)


def _command(node: Node) -> Command:
    import postgast

    given = postgast.unwrap_node(getattr(node, "def"))
    column = given if node.HasField("def") and kind(given) == "ColumnDef" else None
    constraint = given if node.HasField("def") and kind(given) == "Constraint" else None
    inline = tuple(each.constraint for each in column.constraints) if column is not None else ()
    return Command(
        kind=enum_name(node, "subtype").removeprefix("AT_"),
        name=node.name or (column.colname if column is not None else constraint.conname if constraint is not None else ""),
        type=type_name(column.type_name) if column is not None and column.HasField("type_name") else "",
        column=column,
        constraint=constraint,
        constraints=inline if constraint is None else (constraint,),
        cascade=enum_name(node, "behavior") == "DROP_CASCADE",
        node=node,
    )
