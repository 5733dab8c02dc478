"""Stars of a query -> the columns that they stand for today: a column added tomorrow changes no row of a running program."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seachange.postgres.catalog import qualified
from seachange.sync.targets.queries._describe import Described, describe

if TYPE_CHECKING:
    import psycopg

__all__ = ["spelled_out"]

Node = Any
_STAR = re.compile(r'(?P<item>(?:(?:"(?:[^"]|"")*"|\w+)\s*\.\s*)*)\*')


def spelled_out(
    session: psycopg.Connection[Any], described: Described, *, tree: Node, stars: Mapping[int, tuple[str, ...]]
) -> str:
    """Return the text of a query with columns in place of the stars that it returns; as it is when the server sees a difference.

    :param session: in a transaction.
    :param described: the query.
    :param tree: the same as a tree.
    :param stars: the names of the columns of each star, by its place in the tree.
    """
    sql = described.query.sql
    text = described.text.text
    encoded = text.encode()
    for place in sorted(_stars(tree), reverse=True):
        start = len(encoded[:place].decode())
        match = _STAR.match(text, start)
        if match is None or place not in stars:
            return described.query.sql
        columns = ", ".join(f"{match['item']}{qualified(name)}" for name in stars[place])
        begin, end = described.text.origin(start), described.text.origin(match.end() - 1) + 1
        sql = f"{sql[:begin]}{columns}{sql[end:]}"
    if sql == described.query.sql:
        return sql
    again = describe(session, dataclasses.replace(described.query, sql=sql))
    same = isinstance(again, Described) and again.columns == described.columns and again.parameters == described.parameters
    return sql if same else described.query.sql


def _stars(tree: Node) -> Iterator[int]:
    statement = getattr(tree, tree.WhichOneof("node"))
    if type(statement).DESCRIPTOR.name == "SelectStmt":
        targets = statement.target_list
    else:
        targets = statement.returning_clause.exprs if hasattr(statement, "returning_clause") else ()
    for each in targets:
        value = each.res_target.val
        if value.HasField("column_ref") and value.column_ref.fields[-1].HasField("a_star"):
            yield value.column_ref.location
