"""Columns and tables that a revision makes, as its text says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from seachange.safety import parsing
from seachange.safety.facts import RevisionFacts
from seachange.safety.parsing import Node
from seachange.safety.rules._acts import Act, find_acts

__all__ = ["MadeColumn", "made_columns", "made_tables"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MadeColumn:
    """A column of CREATE TABLE or ADD COLUMN; ``type`` is as ``format_type`` writes it, ``key``: it is the primary key."""

    act: Act
    name: str
    type: str
    key: bool
    node: Node = dataclasses.field(repr=False)

    @property
    def qualified(self) -> str:
        """The column with its table."""
        return f"{self.act.target}.{self.name}"


def made_tables(revision: RevisionFacts) -> Iterator[Act]:
    """Yield each CREATE TABLE of a table that stays, partitions left out.

    :param revision: its facts.
    """
    for act in find_acts(revision, "CreateStmt"):
        temporary = act.node.relation.relpersistence == "t"
        if not temporary and not act.node.HasField("partbound"):
            yield act


def made_columns(revision: RevisionFacts) -> Iterator[MadeColumn]:
    """Yield each column that a revision makes, in the order of the text.

    :param revision: its facts.
    """
    for act in find_acts(revision, "CreateStmt", "AddColumn"):
        if act.command is not None:
            column = act.command.column
            yield MadeColumn(act=act, name=act.name, type=act.command.type, key=_is_key(column), node=column)
            continue
        keys = _table_key(act.node)
        for element in act.node.table_elts:
            if element.HasField("column_def"):
                column = element.column_def
                key = _is_key(column) or keys == (column.colname,)
                type_ = parsing.type_name(column.type_name) if column.HasField("type_name") else ""
                yield MadeColumn(act=act, name=column.colname, type=type_, key=key, node=column)


def _is_key(column: Node) -> bool:
    return any(parsing.constraint_kind(each.constraint) == "PRIMARY" for each in column.constraints)


def _table_key(statement: Node) -> tuple[str, ...]:
    for element in statement.table_elts:
        if element.HasField("constraint") and parsing.constraint_kind(element.constraint) == "PRIMARY":
            return parsing.names(element.constraint.keys)
    return ()
