"""What it takes to add, validate or drop a constraint."""

from __future__ import annotations

from seachange.postgres.catalog import qualified
from seachange.safety._predict._effect import Effect
from seachange.safety._predict._known import ColumnState, ConstraintState, RelationState
from seachange.safety.facts import LockMode
from seachange.safety.parsing import Node, constraint_kind, find, names, relation_name

__all__ = ["add_constraint", "constraint_of", "drop_constraint", "drop_key", "validate_constraint"]

_KINDS = {
    "CHECK": "check",
    "FOREIGN": "foreign key",
    "NOTNULL": "not null",
    "PRIMARY": "primary key",
    "UNIQUE": "unique",
    "EXCLUSION": "exclusion",
}
_SUFFIXES = {"check": "check", "foreign key": "fkey", "not null": "not_null", "unique": "key", "exclusion": "excl"}


def constraint_of(constraint: Node, *, column: str, schema: str) -> ConstraintState | None:
    """Return a Constraint of the tree as the database will have it, None when it is none (DEFAULT, DEFERRABLE, NULL).

    :param column: the column behind which it is written, empty for one of the table.
    :param schema: the schema of names that have none.
    """
    import postgast

    what = constraint_kind(constraint)
    if what not in _KINDS:
        return None
    target = relation_name(constraint.pktable, schema=schema) if what == "FOREIGN" else ""
    columns: tuple[str, ...] = names(constraint.fk_attrs) or names(constraint.keys) or ((column,) if column else ())
    expression = postgast.unwrap_node(constraint.raw_expr) if what == "CHECK" else None
    if expression is not None and not column:
        columns = tuple(dict.fromkeys(names(each.fields)[-1] for each in find(expression, "ColumnRef") if names(each.fields)))
    if what == "EXCLUSION":
        columns = tuple(each.list.items[0].index_elem.name for each in constraint.exclusions)
    return ConstraintState(
        kind=_KINDS[what],
        columns=columns,
        validated=not constraint.skip_validation,
        target=target,
        expression=expression,
    )


def add_constraint(effect: Effect, table: RelationState, constraint: Node, *, column: str = "", filled: bool = True) -> None:
    """Expect what a new constraint takes.

    :param constraint: as ADD CONSTRAINT or a new column gives it.
    :param column: the new column behind which it is written.
    :param filled: whether rows that are there may have a value to check; a new column without a default has none.
    """
    state = constraint_of(constraint, column=column, schema=effect.known.schema)
    if state is None:
        return
    name = constraint.conname or _chosen_name(table, state)
    if constraint.indexname:
        state.columns = table.indexes.get(qualified_in(table, constraint.indexname), state.columns)
    if state.kind == "foreign key":
        effect.lock_family(state.target, LockMode.SHARE_ROW_EXCLUSIVE)
        if state.validated and filled:
            effect.verify(table.name)
            effect.verify(state.target)
    elif state.kind == "check" and state.validated:
        effect.verify(table.name)
    elif state.kind == "not null":
        _not_null(effect, table, state, inline=bool(column))
    elif state.kind in ("primary key", "unique", "exclusion"):
        _index(effect, table, constraint, state=state, name=name)
    if state.kind != "not null" or constraint.conname:
        table.constraints[name] = state


def _not_null(effect: Effect, table: RelationState, state: ConstraintState, *, inline: bool) -> None:
    if inline:
        return
    if effect.major < 18:
        effect.refuse("42601", f"ADD CONSTRAINT ... NOT NULL takes PostgreSQL 18, this is {effect.major}")
    if state.validated:
        effect.verify(table.name)
        for column in state.columns:
            table.columns.setdefault(column, ColumnState(type="")).not_null = True


def _index(effect: Effect, table: RelationState, constraint: Node, *, state: ConstraintState, name: str) -> None:
    """Expect an index to be built or taken over, and NOT NULL to be checked where a primary key asks for it."""
    if constraint.indexname:
        old = qualified_in(table, constraint.indexname)
        table.indexes[qualified_in(table, name)] = table.indexes.pop(old, state.columns)
    else:
        for leaf in effect.known.leaves(table.name):
            effect.build(qualified_in(table, name) if leaf == table.name else "", leaf)
        table.indexes[qualified_in(table, name)] = state.columns
    if state.kind == "primary key":
        nullable = [each for each in state.columns if each in table.columns and not table.columns[each].not_null]
        # With neither columns nor index known the server may have to look, and only then may it take long.
        if nullable or (constraint.indexname and not state.columns):
            effect.verify(table.name)
        for column in state.columns:
            table.columns.setdefault(column, ColumnState(type="")).not_null = True


def validate_constraint(effect: Effect, table: RelationState, name: str) -> None:
    """Expect what VALIDATE CONSTRAINT takes: a scan, unless it is known to be valid already."""
    found = table.constraints.get(name)
    if found is not None and found.validated:
        return
    effect.verify(table.name)
    if found is None:
        return
    found.validated = True
    if found.kind == "foreign key":
        effect.lock(found.target, LockMode.ROW_SHARE)
        effect.verify(found.target)
    if found.kind == "not null":
        for column in found.columns:
            table.columns.setdefault(column, ColumnState(type="")).not_null = True


def drop_constraint(effect: Effect, table: RelationState, name: str, *, cascade: bool) -> None:
    """Expect what DROP CONSTRAINT takes."""
    effect.drop(f"{qualified(name)} on {table.name}", kind="table constraint", table=table.name)
    drop_key(effect, table, name, cascade=cascade)


def drop_key(effect: Effect, table: RelationState, name: str, *, cascade: bool) -> None:
    """Expect what goes with a constraint: its index, the lock on the table that it refers to, the keys that refer to it."""
    found = table.constraints.pop(name, None)
    if found is None:
        return
    index = qualified_in(table, name)
    if index in table.indexes and found.kind in ("primary key", "unique", "exclusion"):
        table.indexes.pop(index)
        effect.drop(index, kind="index", cascaded=True, table=table.name)
    if found.kind == "foreign key":
        effect.lock(found.target, LockMode.ACCESS_EXCLUSIVE)
    if found.kind in ("primary key", "unique") and cascade:
        for other, key in tuple(effect.known.referring(table.name)):
            effect.lock(other.name, LockMode.ACCESS_EXCLUSIVE)
            effect.drop(f"{qualified(key)} on {other.name}", kind="table constraint", cascaded=True, table=other.name)
            other.constraints.pop(key, None)


def qualified_in(table: RelationState, name: str) -> str:
    """Return the name of an index of a table, which is in the table's schema."""
    return f"{table.schema_of}.{qualified(name)}"


def _chosen_name(table: RelationState, state: ConstraintState) -> str:
    """Return the name that the server chooses, which is the first of a row of names that is free."""
    bare = table.name.rpartition(".")[2].strip('"')
    parts = [bare] if state.kind == "primary key" else [bare, *state.columns]
    name = "_".join([*parts, "pkey" if state.kind == "primary key" else _SUFFIXES[state.kind]])
    number = 0
    while f"{name}{number or ''}" in table.constraints:
        number += 1
    return f"{name}{number or ''}"
