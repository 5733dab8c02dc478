"""Parts of a parse tree as SQL again."""

from __future__ import annotations

from collections.abc import Iterable

from seachange.safety.parsing import Node, find, names, type_name

__all__ = ["column_names", "expression", "last_cast", "literal", "relations", "without_last_cast"]

_SELECT = "SELECT "


def expression(node: Node) -> str:
    """Return an expression as SQL.

    :param node: it, as the field of another node holds it.
    """
    import postgast

    tree = postgast.parse(f"{_SELECT}0")
    tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val.CopyFrom(node)
    return str(postgast.deparse(tree)).removeprefix(_SELECT)


def relations(nodes: Iterable[Node]) -> str:
    """Return the items of a FROM clause as SQL."""
    import postgast

    tree = postgast.parse(f"{_SELECT}0")
    tree.stmts[0].stmt.select_stmt.from_clause.extend(nodes)
    return str(postgast.deparse(tree)).partition(" FROM ")[2]


def column_names(node: Node) -> tuple[str, ...]:
    """Return the last names of all columns that an expression refers to, each once."""
    found = (names(each.fields) for each in find(node, "ColumnRef"))
    return tuple(dict.fromkeys(parts[-1] for parts in found if parts))


def last_cast(node: Node) -> str:
    """Return the type that an expression is cast to at its end; nothing when it ends otherwise."""
    return type_name(node.type_cast.type_name) if node.HasField("type_cast") else ""


def without_last_cast(node: Node) -> str:
    """Return an expression as SQL, the cast at its end left out."""
    return expression(node.type_cast.arg if node.HasField("type_cast") else node)


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    escaped = text.replace("'", "''")
    return f" E'{escaped}'".replace("\\", "\\\\") if "\\" in text else f"'{escaped}'"
