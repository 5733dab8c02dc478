"""Constraints and unique indexes that pending statements make: what rows must not have by then."""

from __future__ import annotations

from collections.abc import Sequence

from seachange.postgres.catalog import qualified
from seachange.safety._data.asking import Asking
from seachange.safety._data.picture import Known
from seachange.safety._data.texts import column_names, expression
from seachange.safety._data.values import Constraint, Duplicates, Nulls, Orphans, Overlaps, Probe, Violators
from seachange.safety.parsing import Node, constraint_kind, names

__all__ = ["ask_constraint", "ask_index", "ask_validation"]


def ask_constraint(asking: Asking, table: str, constraint: Node, *, alias: str, columns: Sequence[str] = ()) -> None:
    """Ask what makes a new constraint fail on rows.

    :param asking: where the checks go.
    :param table: full name of the table.
    :param constraint: the Constraint.
    :param alias: the table's name without schema.
    :param columns: the column that it is written behind, if it is.
    """
    kind = constraint_kind(constraint)
    keys = tuple(columns) or names(constraint.fk_attrs if kind == "FOREIGN" else constraint.keys)
    if kind == "NOTNULL":
        _ask(asking, table, "SC802", what=f"NOT NULL of {_list(keys)}", alias=alias, probe=Nulls(columns=keys), node=constraint)
    elif kind in ("PRIMARY", "UNIQUE"):
        _ask_key(asking, table, constraint, alias=alias, keys=keys)
    elif kind == "CHECK":
        probe = Violators(expression=expression(constraint.raw_expr))
        what = f"CHECK ({probe.expression})"
        used = column_names(constraint.raw_expr)
        _ask(asking, table, "SC803", what=what, alias=alias, probe=probe, node=constraint, columns=used)
    elif kind == "FOREIGN":
        _ask_foreign_key(asking, table, constraint, alias=alias, keys=keys)
    elif kind == "EXCLUSION":
        _ask_exclusion(asking, table, constraint, alias=alias)


def ask_index(asking: Asking, statement: Node) -> None:
    """Ask what makes a unique index fail on rows.

    :param asking: where the checks go.
    :param statement: the IndexStmt.
    """
    relation = statement.relation
    table = asking.picture.name(relation.schemaname, relation.relname)
    elements = [each.index_elem for each in statement.index_params]
    asking.picture.indexes[statement.idxname] = tuple(each.name for each in elements)
    if not statement.unique:
        return
    keys = tuple(_element(each) for each in elements)
    where = expression(statement.where_clause) if statement.HasField("where_clause") else ""
    used = {name for part in (*elements, statement.where_clause) for name in column_names(part)}
    used |= {each.name for each in elements if each.name}
    asking.ask(
        "SC801",
        f"unique index {qualified(statement.idxname)}" if statement.idxname else "the unique index",
        table=table,
        alias=relation.relname,
        probe=Duplicates(keys=keys, where=where, nulls_distinct=not statement.nulls_not_distinct),
        columns=used,
        only=not relation.inh,
    )


def ask_validation(asking: Asking, table: str, name: str, *, alias: str) -> None:
    """Ask what makes the validation of a constraint fail that is there, or was added by an earlier statement.

    :param asking: where the checks go.
    :param table: full name of the table.
    :param name: the constraint.
    :param alias: the table's name without schema.
    """
    code, probe, used = asking.picture.constraints.get((table, name), Known("SC803", Constraint(name=name), None))
    asking.ask(code, f"VALIDATE CONSTRAINT {qualified(name)}", table=table, alias=alias, probe=probe, columns=used)


def _ask(
    asking: Asking,
    table: str,
    code: str,
    *,
    what: str,
    alias: str,
    probe: Probe,
    node: Node,
    columns: Sequence[str] | None = None,
) -> None:
    """Ask now, or, for a constraint that is NOT VALID, when it is validated."""
    used = columns if columns is not None else getattr(probe, "columns", None)
    if node.skip_validation:
        asking.picture.constraints[table, node.conname] = Known(code, probe, used)
    elif constraint_kind(node) in ("CHECK", "FOREIGN") and not node.is_enforced:
        return
    else:
        named = f"constraint {qualified(node.conname)}: {what}" if node.conname else what
        asking.ask(code, named, table=table, alias=alias, probe=probe, columns=used)


def _ask_key(asking: Asking, table: str, constraint: Node, *, alias: str, keys: tuple[str, ...]) -> None:
    primary = constraint_kind(constraint) == "PRIMARY"
    word = "PRIMARY KEY" if primary else "UNIQUE"
    if constraint.indexname:
        keys = asking.index_columns(table, constraint.indexname)
    what = f"{word} ({_list(keys)})"
    if primary and keys:
        _ask(asking, table, "SC802", what=what, alias=alias, probe=Nulls(columns=keys), node=constraint)
    if constraint.indexname:
        return
    if constraint.without_overlaps:
        elements = (*((qualified(key), "=") for key in keys[:-1]), (qualified(keys[-1]), "&&"))
        _ask(asking, table, "SC807", what=what, alias=alias, probe=Overlaps(elements=elements), node=constraint, columns=keys)
        return
    probe = Duplicates(keys=tuple(map(qualified, keys)), nulls_distinct=not constraint.nulls_not_distinct, primary=primary)
    _ask(asking, table, "SC801", what=what, alias=alias, probe=probe, node=constraint, columns=keys)


def _ask_foreign_key(asking: Asking, table: str, constraint: Node, *, alias: str, keys: tuple[str, ...]) -> None:
    parent = constraint.pktable
    referred = asking.picture.name(parent.schemaname, parent.relname)
    probe = Orphans(
        columns=keys,
        parent=asking.picture.source(referred, alias=parent.relname),
        referenced=names(constraint.pk_attrs),
        match_full=constraint.fk_matchtype == "f",
        period=constraint.fk_with_period,
    )
    columns = ", ".join(map(qualified, probe.referenced))
    what = f"FOREIGN KEY ({_list(keys)}) REFERENCES {referred}{f' ({columns})' if columns else ''}"
    with asking.doubting(asking.picture.filled(referred)):
        _ask(asking, table, "SC804", what=what, alias=alias, probe=probe, node=constraint)


def _ask_exclusion(asking: Asking, table: str, constraint: Node, *, alias: str) -> None:
    pairs = [each.list.items for each in constraint.exclusions]
    elements = tuple((_element(pair[0].index_elem), names(pair[1].list.items)[-1]) for pair in pairs)
    where = expression(constraint.where_clause) if constraint.HasField("where_clause") else ""
    described = ", ".join(f"{key} WITH {operator}" for key, operator in elements)
    used = {name for pair in pairs for name in column_names(pair[0])} | {pair[0].index_elem.name for pair in pairs}
    probe = Overlaps(elements=elements, where=where)
    _ask(asking, table, "SC807", what=f"EXCLUDE ({described})", alias=alias, probe=probe, node=constraint, columns=tuple(used))


def _element(element: Node) -> str:
    text = qualified(element.name) if element.name else f"({expression(element.expr)})"
    collation = names(element.collation)
    return f"{text} COLLATE {qualified(*collation)}" if collation else text


def _list(columns: Sequence[str]) -> str:
    return ", ".join(map(qualified, columns))
