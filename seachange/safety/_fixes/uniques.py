"""Unique constraints and primary keys on an index that was built concurrently before."""

from __future__ import annotations

from seachange.postgres.catalog import qualified
from seachange.safety._fixes.source import Statement
from seachange.safety._fixes.steps import Known, NotFixableError, Rewrite, Step, commented
from seachange.safety._fixes.writing import autocommit, call, execute, text

__all__ = ["unique_by_index"]

_BY_SERVER = ("deferrable", "initially", "postgresql_include", "postgresql_nulls_not_distinct")
_WORDS = {"create_unique_constraint": "UNIQUE", "create_primary_key": "PRIMARY KEY"}


def unique_by_index(statement: Statement, known: Known) -> Rewrite | None:
    """Return a unique constraint or primary key as an index that is built concurrently and then becomes the constraint.

    :raises NotFixableError: its table is partitioned, its columns are computed, or it has no name.
    """
    table = known.table(statement.table, statement.schema)
    if table is None:
        return None
    columns = statement.arguments.get("columns")
    if not isinstance(columns, list) or not all(isinstance(each, str) for each in columns) or not statement.name:
        raise NotFixableError(
            "its name or its columns are not written out in the revision", manual="write both out, then run this command again"
        )
    if table.kind == "partitioned table":
        raise NotFixableError(
            f"{table.qualified} is partitioned, and no unique index can be built on it concurrently",
            manual="ALTER TABLE ONLY ... ADD CONSTRAINT; a unique index, concurrently, for each partition; "
            "ALTER INDEX ... ATTACH PARTITION for each",
        )
    if statement.meaning == "create_primary_key" and (nullable := _nullable(statement, known)):
        raise NotFixableError(
            f"{', '.join(nullable)} of {table.qualified} can be NULL, and a primary key would look at every row under its lock",
            manual="set NOT NULL first, by op.alter_column(..., nullable=False), and run this command again",
        )
    undone = known.undoing(op="drop_constraint", constraint_name=statement.name)
    back = [each.code for each in undone] or [_written_drop(statement, known)]
    step = Step(
        kind="concurrent",
        title=f"Build {statement.name}",
        up=(commented(statement, _index(statement, known)), _constraint(statement, known)),
        down=tuple(back),
    )
    return Rewrite(
        here=None,
        steps=(step,),
        undone=undone,
        names=frozenset({statement.name}),
        key_of=statement.table,
        said=(f"{statement.name} of {table.qualified} is made of an index that is built concurrently",),
    )


def _nullable(statement: Statement, known: Known) -> list[str]:
    table = known.table(statement.table, statement.schema)
    wanted = statement.arguments["columns"]
    return [column.name for column in (table.columns if table else ()) if column.name in wanted and not column.not_null]


def _index(statement: Statement, known: Known) -> str:
    if statement.sql:
        return autocommit([execute(_index_sql(statement), width=known.width - 4)])
    add = {"unique": "True", "postgresql_concurrently": "True", "if_not_exists": "True"}
    built = statement.edited(add=add, without=("deferrable", "initially"), width=known.width - 4)
    return autocommit([f"op.create_index{built[built.index('(') :]}"])


def _index_sql(statement: Statement) -> str:
    target = qualified(*filter(None, (statement.schema, statement.table)))
    columns = ", ".join(map(qualified, statement.arguments["columns"]))
    return f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {qualified(statement.name)} ON {target} ({columns})"


def _constraint(statement: Statement, known: Known) -> str:
    arguments = statement.arguments
    target = qualified(*filter(None, (statement.schema, statement.table)))
    name = qualified(statement.name)
    words = [f"ALTER TABLE {target} ADD CONSTRAINT {name} {_WORDS[statement.meaning]} USING INDEX {name}"]
    words += ["DEFERRABLE"] if arguments.get("deferrable") is True else []
    words += [f"INITIALLY {str(arguments['initially']).upper()}"] if isinstance(arguments.get("initially"), str) else []
    return execute(" ".join(words), width=known.width)


def _written_drop(statement: Statement, known: Known) -> str:
    named = [text(statement.name), text(statement.table)]
    named += [f"schema={text(statement.schema)}"] if statement.schema else []
    return call("op.drop_constraint", named, width=known.width)
