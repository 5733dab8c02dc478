"""What it takes to add, change or drop a column."""

from __future__ import annotations

from seachange.postgres.catalog import qualified
from seachange.safety._predict._constraints import add_constraint, drop_key
from seachange.safety._predict._effect import Effect
from seachange.safety._predict._known import ColumnState, RelationState
from seachange.safety._predict._types import type_change
from seachange.safety._predict._volatile import volatile_calls
from seachange.safety.facts import LockMode
from seachange.safety.parsing import Command, Node, constraint_kind, default_of, find, kind, names

__all__ = [
    "add_column",
    "change_type",
    "column_state",
    "drop_column",
    "drop_sequence",
    "proves_not_null",
    "serial_type",
    "set_not_null",
]

_QUOTE = '"'
_SERIALS = {
    **dict.fromkeys(("serial", "serial4"), "integer"),
    **dict.fromkeys(("bigserial", "serial8"), "bigint"),
    **dict.fromkeys(("smallserial", "serial2"), "smallint"),
}


def serial_type(name: str) -> str:
    """Return the type that stands behind ``serial`` and its like, empty for another type."""
    return _SERIALS.get(name, "")


def column_state(command: Command) -> ColumnState:
    """Return a column as it is once it is there."""
    kinds = {constraint_kind(each) for each in command.constraints}
    return ColumnState(
        type=serial_type(command.type) or command.type,
        not_null=bool(kinds & {"NOTNULL", "PRIMARY", "IDENTITY"}) or bool(serial_type(command.type)),
        identity="IDENTITY" in kinds,
        collation=_collation(command.column),
    )


def add_column(effect: Effect, table: RelationState, command: Command) -> None:
    """Expect what ADD COLUMN does."""
    name = command.column.colname
    if command.node.missing_ok and name in table.columns:
        return
    kinds = {constraint_kind(each): each for each in command.constraints}
    table.columns[name] = column_state(command)
    if _has_values(effect, command):
        effect.rewrite(table.name)
    elif "NOTNULL" in kinds and not kinds.keys() & {"DEFAULT", "GENERATED"}:
        effect.verify(table.name)
    generated = kinds.get("GENERATED")
    if generated is not None and generated.generated_kind == "v" and effect.major < 18:
        effect.refuse("42601", f"a virtual generated column takes PostgreSQL 18, this is {effect.major}")
    for constraint in command.constraints:
        add_constraint(effect, table, constraint, column=name, filled="DEFAULT" in kinds)


def _has_values(effect: Effect, command: Command) -> bool:
    """Whether each row gets a value of its own, or one that has to be checked against a domain."""
    kinds = {constraint_kind(each): each for each in command.constraints}
    domain = effect.known.domains.get(effect.known.plain(command.type))
    if serial_type(command.type) or "IDENTITY" in kinds or (domain is not None and domain.constrained):
        return True
    if "GENERATED" in kinds:
        return bool(kinds["GENERATED"].generated_kind != "v")
    default = default_of(command.column)
    return default is not None and bool(volatile_calls(default, effect.known))


def change_type(effect: Effect, table: RelationState, command: Command) -> None:
    """Expect what ALTER COLUMN ... TYPE does."""
    if effect.known.is_viewed(table.name, command.name):
        effect.refuse("0A000", "cannot alter type of a column used by a view or rule")
    known, column = effect.known, table.columns.get(command.name)
    old = column.type if column is not None else ""
    work = type_change(old, command.type, known=known, timezone=effect.timezone)
    if _computes(command):
        work = "rewrite"
    collation = _collation(command.column)
    if work == "nothing" and collation and (column is None or column.collation != collation):
        work = "indexes"
    state = ColumnState(type=command.type, not_null=bool(column and column.not_null), collation=collation)
    table.columns[command.name] = state
    if work == "rewrite":
        effect.rewrite(table.name)
    elif work == "indexes":
        for index, columns in table.indexes.items():
            if command.name in columns:
                effect.build(index, table.name)
    for constraint in table.constraints.values():
        if constraint.kind == "check" and command.name in constraint.columns and constraint.validated and work != "rewrite":
            effect.verify(table.name)
    _make_keys_anew(effect, table, command.name, again=work == "rewrite")


def _make_keys_anew(effect: Effect, table: RelationState, column: str, *, again: bool) -> None:
    """Expect the foreign keys of a column, and those that refer to it, to be dropped and made.

    :param again: whether they are checked again.
    """
    own = [(table.name, each) for each in table.constraints.values() if column in each.columns and each.kind == "foreign key"]
    key = next((each.columns for each in table.constraints.values() if each.kind == "primary key"), ())
    others = [(one.name, one.constraints[name]) for one, name in effect.known.referring(table.name)] if column in key else []
    for referring, constraint in (*own, *others):
        effect.lock(referring, LockMode.ACCESS_EXCLUSIVE)
        effect.lock(constraint.target, LockMode.ACCESS_EXCLUSIVE)
        if again and constraint.validated:
            effect.verify(referring)
            effect.verify(constraint.target)


def _computes(command: Command) -> bool:
    """Whether USING gives more than the column itself, cast to its new type or not."""
    import postgast

    if not command.column.HasField("raw_default"):
        return False
    expression = postgast.unwrap_node(command.column.raw_default)
    while kind(expression) in ("TypeCast", "CollateClause"):
        if kind(expression) == "TypeCast" and not _same_type(expression.type_name, command.column.type_name):
            return True
        expression = postgast.unwrap_node(expression.arg)
    return kind(expression) != "ColumnRef"


def _same_type(one: Node, other: Node) -> bool:
    return names(one.names) == names(other.names) and len(one.array_bounds) == len(other.array_bounds)


def _collation(column: Node) -> str:
    parts = names(column.coll_clause.collname) if column.HasField("coll_clause") else ()
    return qualified(*(part for part in parts if part != "pg_catalog"))


def drop_column(effect: Effect, table: RelationState, command: Command) -> None:
    """Expect what DROP COLUMN does, with the indexes and keys that go with it."""
    known, name = effect.known, command.name
    if command.node.missing_ok and name not in table.columns and table.complete:
        return
    if known.is_viewed(table.name, name) and not command.cascade:
        effect.refuse("2BP01", f"cannot drop column {name} of table {table.name} because other objects depend on it")
    drop_sequence(effect, table, name)
    table.columns.pop(name, None)
    effect.drop(f"{table.name}.{qualified(name)}", kind="table column", table=table.name)
    for key, constraint in tuple(table.constraints.items()):
        if name in constraint.columns:
            drop_key(effect, table, key, cascade=command.cascade)
            effect.drop(f"{qualified(key)} on {table.name}", kind="table constraint", cascaded=True, table=table.name)
    for index, columns in tuple(table.indexes.items()):
        if name in columns:
            table.indexes.pop(index)
            effect.drop(index, kind="index", cascaded=True, table=table.name)
    if command.cascade:
        for view in known.views_on(table.name):
            effect.lock(view, LockMode.ACCESS_EXCLUSIVE)


def drop_sequence(effect: Effect, table: RelationState, column: str) -> None:
    """Expect the sequence of an identity column to go, which the server has named."""
    if column in table.columns and table.columns[column].identity:
        schema, _, bare = table.name.rpartition(".")
        name = f"{bare.strip(_QUOTE)}_{column}_seq"
        effect.drop(f"{schema}.{qualified(name)}", kind="sequence", cascaded=True)


def set_not_null(effect: Effect, table: RelationState, column: str) -> None:
    """Expect a column to be looked through for NULLs, unless a validated check rules them out."""
    state = table.columns.get(column)
    if state is not None and state.not_null:
        return
    for name, constraint in table.constraints.items():
        if constraint.kind == "check" and constraint.validated and proves_not_null(constraint.expression, column):
            effect.proofs[name] = None
            break
    else:
        effect.verify(table.name)
    table.columns.setdefault(column, ColumnState(type="")).not_null = True


def proves_not_null(expression: Node, column: str) -> bool:
    """Whether a check can only hold where a column is not NULL: ``a IS NOT NULL``, alone or beside other conditions."""
    import postgast

    if expression is None:
        return False
    if kind(expression) == "BoolExpr" and expression.boolop == _AND:
        return any(proves_not_null(postgast.unwrap_node(each), column) for each in expression.args)
    if kind(expression) != "NullTest" or expression.nulltesttype != _IS_NOT_NULL:
        return False
    return any(names(each.fields)[-1:] == (column,) for each in find(expression.arg, "ColumnRef"))


# BoolExprType and NullTestType of src/include/nodes/primnodes.h, as postgast numbers them.
_AND = 1
_IS_NOT_NULL = 2
