"""The column that an act is about, as it was before the revision and as the revision leaves it, through its renames."""

from __future__ import annotations

from seachange.postgres.catalog import Column, qualified
from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._acts import Act, acts, relation_after, relation_before

__all__ = ["added_here", "column_after", "column_before", "former_name"]


def column_before(revision: RevisionFacts, act: Act, name: str = "") -> Column | None:
    """Return the column of an act as it was before the revision.

    :param name: the column, where it is not the name of the act.
    """
    table, column = former_name(revision, act, name)
    relation = relation_before(revision, table)
    return next((each for each in relation.columns if each.name == column), None) if relation else None


def column_after(revision: RevisionFacts, act: Act, name: str = "") -> Column | None:
    """Return the column of an act as the revision leaves it.

    :param name: the column, where it is not the name of the act.
    """
    table, column = act.target, name or act.name
    for each in acts(revision):
        if each.statement.number < act.statement.number or each.target != table:
            continue
        if each.kind == "rename column" and each.name == column:
            column = each.new
        elif each.kind == "rename table":
            table = _renamed(table, each.new)
    relation = relation_after(revision, table)
    return next((each for each in relation.columns if each.name == column), None) if relation else None


def former_name(revision: RevisionFacts, act: Act, name: str = "") -> tuple[str, str]:
    """Return the names that the table and the column of an act had before the revision.

    :param name: the column, where it is not the name of the act.
    """
    table, column = act.target, name or act.name
    for each in reversed(acts(revision)):
        if each.statement.number >= act.statement.number:
            continue
        if each.kind == "rename column" and each.target == table and each.new == column:
            column = each.name
        elif each.kind == "rename table" and _renamed(each.target, each.new) == table:
            table = each.target
    return table, column


def added_here(revision: RevisionFacts, act: Act, name: str = "") -> bool:
    """Whether the revision itself added the column of an act.

    :param name: the column, where it is not the name of the act.
    """
    if revision.before is not None:
        return column_before(revision, act, name) is None
    return any(
        each.target == act.target and each.name == (name or act.name) for each in acts(revision) if each.kind == "AddColumn"
    )


def _renamed(table: str, new: str) -> str:
    return f"{table.rpartition('.')[0]}.{qualified(new)}"
