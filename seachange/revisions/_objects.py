"""What tables need and are beside their parts: schemas, sequences, storage, comments on constraints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from alembic.operations import ops

from seachange.postgres.catalog import Sequence, Table, qualified
from seachange.revisions._plain_sql import PlainSQLOp, plain_sql
from seachange.revisions._sides import Sides

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy import Connection

__all__ = ["compare_schemas", "compare_sequences", "compare_storage"]


def compare_schemas(connection: Connection, operations: list[Any]) -> Iterator[PlainSQLOp]:
    """Return what makes the schemas that new tables are in.

    :param connection: the database.
    :param operations: the operations that were found.
    """
    from sqlalchemy import inspect

    there = set(inspect(connection).get_schema_names())
    needed = {str(each.schema) for each in operations if isinstance(each, ops.CreateTableOp) and each.schema}
    for schema in sorted(needed - there):
        yield plain_sql(
            "",
            (f"CREATE SCHEMA {qualified(schema)}",),
            (f"DROP SCHEMA {qualified(schema)}",),
            does=f"add schema {schema}",
            differs=f"schema {schema} is in the models, not in the database",
            name=f"create_schema_{schema}",
        )


def compare_sequences(sides: Sides) -> Iterator[PlainSQLOp]:
    """Return what makes and changes the sequences that the models declare by themselves.

    :param sides: what the models make, and what the database has.
    """
    there = {(each.schema, each.name): each for each in sides.actual.sequences}
    declared = {(sequence.schema or sides.schema, sequence.name) for sequence in sides.declared.sequences}
    for new in sides.declared.catalog.sequences:
        if (new.schema, new.name) not in declared:
            continue
        old = there.get((new.schema, new.name))
        name = new.qualified if new.schema != sides.schema else qualified(new.name)
        if old is None:
            yield plain_sql(
                "",
                (f"CREATE SEQUENCE {name} {_words(new)}",),
                (f"DROP SEQUENCE {name}",),
                does=f"add sequence {name}",
                differs=f"sequence {name} is in the models, not in the database",
                name=f"create_{new.name}",
            )
        elif _words(old) != _words(new):
            yield plain_sql(
                "",
                (f"ALTER SEQUENCE {name} {_words(new)}",),
                (f"ALTER SEQUENCE {name} {_words(old)}",),
                does=f"make sequence {name} {_words(new)}",
                differs=f"sequence {name} is {_words(old)} in the database, {_words(new)} in the models",
                name=f"change_{new.name}",
            )


def _words(sequence: Sequence) -> str:
    cycle = "CYCLE" if sequence.cycle else "NO CYCLE"
    return (
        f"AS {sequence.type} INCREMENT BY {sequence.increment} MINVALUE {sequence.minimum} MAXVALUE {sequence.maximum} "
        f"START WITH {sequence.start} CACHE {sequence.cache} {cycle}"
    )


def compare_storage(context: AutogenContext, sides: Sides, metadata: sa.MetaData) -> Iterator[PlainSQLOp]:
    """Return what changes the storage of tables, and comments on constraints, where the models say something of them.

    :param context: filters what env.py does not want to be looked at.
    :param sides: what the models make, and what the database has.
    :param metadata: the models.
    """
    for table, wanted, present in sides.compared(context, metadata):
        alter = f"ALTER TABLE {sides.sql_name(table)}"
        common: dict[str, Any] = {"schema": table.schema, "name": f"change_{table.name}"}
        if wanted.unlogged and not present.unlogged:
            yield plain_sql(
                table.name,
                (f"{alter} SET UNLOGGED",),
                (f"{alter} SET LOGGED",),
                does=f"make table {table.fullname} unlogged",
                differs=f"table {table.fullname} is logged in the database, unlogged in the models",
                **common,
            )
        if wanted.options and wanted.options != present.options:
            new, old = (", ".join(each.options) or "none" for each in (wanted, present))
            yield plain_sql(
                table.name,
                _options(alter, present, wanted),
                _options(alter, wanted, present),
                does=f"set the storage parameters of {table.fullname} to {new}",
                differs=f"the storage parameters of {table.fullname} are {old} in the database, {new} in the models",
                **common,
            )
        yield from _comments(sides, table, (wanted, present))


def _options(alter: str, old: Table, new: Table) -> tuple[str, ...]:
    names = {option.partition("=")[0] for option in new.options}
    gone = [option.partition("=")[0] for option in old.options if option.partition("=")[0] not in names]
    statements = [f"{alter} RESET ({', '.join(gone)})"] if gone else []
    return (*statements, *([f"{alter} SET ({', '.join(new.options)})"] if new.options else []))


def _comments(sides: Sides, table: sa.Table, both: tuple[Table, Table]) -> Iterator[PlainSQLOp]:
    wanted, present = both
    known = {each.name: each for each in present.constraints}
    for new in wanted.constraints:
        old = known.get(new.name)
        if new.comment and (old is None or old.comment != new.comment):
            there, back = (
                f"COMMENT ON CONSTRAINT {qualified(new.name)} ON {sides.sql_name(table)} IS {_literal(comment)}"
                for comment in (new.comment, old.comment if old else "")
            )
            what = f"the comment of constraint {new.name} on {table.fullname}"
            yield plain_sql(
                table.name,
                (there,),
                (back,),
                does=f"set {what} to {new.comment!r}",
                differs=f"{what} is {(old.comment if old else '') or 'none'!r} in the database, {new.comment!r} in the models",
                schema=table.schema,
                name=f"comment_{table.name}",
            )


def _literal(comment: str) -> str:
    return "'" + comment.replace("'", "''") + "'" if comment else "NULL"
