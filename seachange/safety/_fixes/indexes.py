"""Indexes built and dropped concurrently, outside of a transaction."""

from __future__ import annotations

from collections.abc import Mapping

from seachange.safety._fixes.meanings import concurrently
from seachange.safety._fixes.partitioned import index_by_partition
from seachange.safety._fixes.source import Statement
from seachange.safety._fixes.steps import Known, Rewrite, Step, commented
from seachange.safety._fixes.writing import autocommit, call, text

__all__ = ["build_concurrently", "drop_concurrently"]

_BUILD = {"postgresql_concurrently": "True", "if_not_exists": "True"}
_DROP = {"postgresql_concurrently": "True", "if_exists": "True"}


def build_concurrently(statement: Statement, known: Known) -> Rewrite | None:
    """Return ``op.create_index`` as a concurrent build; None when its table is new or it is one already."""
    table = known.table(statement.table, statement.schema)
    if table is None or _concurrent(statement) or " ONLY " in statement.sql.upper():
        return None
    if table.kind == "partitioned table":
        return index_by_partition(statement, table, known)
    name = statement.name
    undone = tuple(each for each in known.undoing(op="drop_index", index_name=name) if name)
    return Rewrite(
        here=None,
        steps=(
            Step(
                kind="concurrent",
                title=f"Build {name or f'an index of {table.name}'}",
                up=(commented(statement, building(statement, known)),),
                down=tuple(_dropping(each, known) for each in undone) or (_written_drop(statement, known),),
            ),
        ),
        undone=undone,
        names=frozenset({name} - {""}),
        said=(f"{name or 'the index'} of {table.qualified} is built concurrently",),
    )


def drop_concurrently(statement: Statement, known: Known) -> Rewrite | None:
    """Return ``op.drop_index`` as a concurrent one; None when the index is new, belongs to a partitioned table, or it is one."""
    name = statement.name
    owners = [each for each in known.before.tables if any(index.name == name for index in each.indexes)]
    if not owners or _concurrent(statement) or owners[0].kind == "partitioned table" or owners[0].partition_bound:
        return None
    table = owners[0]
    undone = known.undoing(op="create_index", index_name=name)
    return Rewrite(
        here=None,
        steps=(
            Step(
                kind="concurrent",
                title=f"Drop {name}",
                up=(commented(statement, _dropping(statement, known)),),
                down=tuple(building(each, known) for each in undone),
            ),
        ),
        undone=undone,
        names=frozenset({name}),
        said=(f"{name} of {table.qualified} is dropped concurrently",),
    )


def building(statement: Statement, known: Known) -> str:
    """Return ``op.create_index`` in a block outside of a transaction, ready to be run again."""
    return autocommit([_edited(statement, known, add=_BUILD)])


def _dropping(statement: Statement, known: Known) -> str:
    return autocommit([_edited(statement, known, add=_DROP)])


def _edited(statement: Statement, known: Known, *, add: Mapping[str, str]) -> str:
    if statement.sql:
        return statement.with_sql(concurrently(statement.sql), width=known.width - 4)
    return statement.edited(add=add, width=known.width - 4)


def _written_drop(statement: Statement, known: Known) -> str:
    arguments = [text(statement.name), f"table_name={text(statement.table)}"]
    arguments += [f"schema={text(statement.schema)}"] if statement.schema else []
    arguments += [f"{name}={value}" for name, value in _DROP.items()]
    return autocommit([call("op.drop_index", arguments, width=known.width - 4)])


def _concurrent(statement: Statement) -> bool:
    return statement.arguments.get("postgresql_concurrently") is True
