"""What rows get in a column that becomes NOT NULL: asked where the target has such rows, and written into the revision."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import DefaultClause, text

from seachange.errors import ConfigError
from seachange.revisions._enums import qualified
from seachange.revisions._rename_operations import RenameOp
from seachange.revisions._sentences import table_of
from seachange.revisions.answers import Answers, Filling
from seachange.revisions.population import Population
from seachange.revisions.questions import STOP, Choice, Question

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from seachange.revisions.compare import Comparison

__all__ = ["Fills"]

# More rows than these are updated for so long that others notice the locks.
_MANY = 100_000

# sqlalchemy.sql.elements.TextClause: what it takes for a parameter.
_PARAMETER = re.compile(r"(?<![:\w\x5c]):(\w+)(?!:)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Need:
    """A column that becomes NOT NULL; ``rows`` have no value there, None when their number is unknown."""

    operation: Any
    column: str
    added: bool
    rows: int | None

    @property
    def full(self) -> str:
        return f"{table_of(self.operation)}.{self.column}"

    @property
    def id(self) -> str:
        return f"fill-{'column' if self.added else 'nulls'}:{self.full}"


class Fills:
    """The values of one new revision.

    :param answers: what was said beforehand.
    :param population: the rows of the target; None when there is none to look at, and then nothing is asked.
    """

    def __init__(self, answers: Answers, population: Population | None) -> None:
        self._answers = answers
        self._population = population
        self._used: set[str] = set()
        self._known: dict[str, int | None] = {}

    def questions(
        self, comparison: Comparison, renames: Iterable[RenameOp], *, without: Collection[str] = ()
    ) -> tuple[Question, ...]:
        """Return what nobody has answered and rows of the target need.

        :param comparison: the difference.
        :param renames: those that were made; the target has the old names.
        :param without: columns that may turn out to be renamed ones.
        """
        needs = self._needs(comparison, tuple(renames))
        default = str(comparison.connection.dialect.default_schema_name)
        asked = [each for each in needs if each.rows != 0 and self._answer(each, default) is None and each.full not in without]
        return tuple(map(_question, asked))

    def insert(self, comparison: Comparison, renames: Iterable[RenameOp]) -> tuple[str, ...]:
        """Write the answers into the upgrade, and return what their author has to know.

        :param comparison: changed in place.
        :param renames: those that were made.
        :raises ConfigError: an answer is about a column that does not become NOT NULL.
        """
        default = str(comparison.connection.dialect.default_schema_name)
        notes: list[str] = []
        parts: dict[int, tuple[Any, ...]] = {}
        for need in self._needs(comparison, tuple(renames)):
            if (filling := self._answer(need, default)) is not None:
                parts[id(need.operation)] = tuple(_filled(need, filling, comparison.connection))
                notes += _notes(need, filling)
        for container in comparison.script.upgrade_ops_list[-1].ops:
            if isinstance(container, ops.ModifyTableOps):
                container.ops = [part for each in container.ops for part in parts.get(id(each), (each,))]
        self._require_used()
        return tuple(notes)

    def _needs(self, comparison: Comparison, renames: tuple[RenameOp, ...]) -> Iterator[_Need]:
        for container in comparison.script.upgrade_ops_list[-1].ops:
            operation: Any
            for operation in container.ops if isinstance(container, ops.ModifyTableOps) else ():
                if isinstance(operation, ops.AddColumnOp) and _needs_value(operation.column):
                    name = str(operation.column.name)
                    yield _Need(operation=operation, column=name, added=True, rows=self._rows(operation, renames))
                elif isinstance(operation, ops.AlterColumnOp) and operation.modify_nullable is False:
                    name = operation.column_name
                    yield _Need(operation=operation, column=name, added=False, rows=self._rows(operation, renames, name))

    def _rows(self, operation: Any, renames: tuple[RenameOp, ...], column: str = "") -> int | None:
        if self._population is None:
            return 0
        key = f"{table_of(operation)}.{column}"
        if key not in self._known:
            table, schema = operation.table_name, operation.schema
            there = {each.new: each.old for each in renames if each.kind == "table" and each.schema == schema}
            mine = [each for each in renames if each.kind == "column" and (each.schema, each.table_name) == (schema, table)]
            former, names = there.get(table, table), {each.new: each.old for each in mine}
            self._known[key] = (
                self._population.nulls(former, names.get(column, column), schema=schema)
                if column
                else self._population.rows(former, schema=schema)
            )
        return self._known[key]

    def _answer(self, need: _Need, default_schema: str) -> Filling | None:
        names = {need.full, f"{default_schema}.{need.full}"}
        for filling in self._answers.fills:
            if filling.id == need.id or (not filling.id and filling.column in names):
                self._used.add(filling.where)
                if filling.by == "default" and not need.added:
                    raise ConfigError(
                        f"{filling.where}: {need.full} is there already, and a default gives nothing to rows that have NULL",
                        hint=f'answer by --fill "{need.full}={filling.expression}"',
                    )
                return filling
        return None

    def _require_used(self) -> None:
        for filling in self._answers.fills:
            if filling.where not in self._used:
                what = f"question {filling.id}" if filling.id else f"column {filling.column} that becomes NOT NULL"
                hint = "leave it out: the answer is stale or misspelt"
                raise ConfigError(f"{filling.where}: this change has no {what}", hint=hint)


def _needs_value(column: Any) -> bool:
    filled = column.server_default is not None or column.identity is not None or column.computed is not None
    return not column.nullable and not filled


def _question(need: _Need) -> Question:
    table, _, column = need.full.rpartition(".")
    count = "an unknown number of rows" if need.rows is None else f"{need.rows} row{'' if need.rows == 1 else 's'}"
    about = "" if need.rows is None or not need.added else "about "
    if need.added:
        said = f"column {need.full} is NOT NULL without a server_default, and {table} has {about}{count} in the target"
    else:
        said = f"column {need.full} becomes NOT NULL, and {count} of the target {'has' if need.rows == 1 else 'have'} NULL there"
    return Question(
        id=need.id,
        kind="fill-column" if need.added else "fill-nulls",
        table=table,
        old=column,
        text=f"{said}: what do they get?",
        choices=tuple(_choices(need)),
    )


def _choices(need: _Need) -> Iterator[Choice]:
    if need.added:
        yield Choice(
            answer="default: ",
            text="a default while the column is added, gone afterwards (one that stays is a server_default of the models)",
            flag=f'--default "{need.full}=EXPRESSION"',
            expects="SQL expression of the default",
        )
    first = "the column is added nullable, " if need.added else ""
    yield Choice(
        answer="fill: ",
        text=f"{first}an UPDATE computes the value of each row, then it becomes NOT NULL",
        flag=f'--fill "{need.full}=EXPRESSION"',
        expects="SQL expression for each row",
    )
    yield Choice(answer=STOP, text="nothing is written: the column becomes nullable, or gets a server_default, in the models")


def _filled(need: _Need, filling: Filling, connection: Connection) -> Iterator[Any]:
    if need.added and filling.by == "default":
        yield from _by_default(need.operation, filling.expression)
        return
    table = qualified(connection, need.operation.schema or "", need.operation.table_name)
    column = qualified(connection, "", need.column)
    # The expression is the author's own SQL, written into a file that is theirs.
    statement = f"UPDATE {table} SET {column} = {filling.expression} WHERE {column} IS NULL"  # noqa: S608
    update = ops.ExecuteSQLOp(_literal(statement))
    if need.added:
        added = need.operation.column._copy()
        added.nullable = True
        yield ops.AddColumnOp(need.operation.table_name, added, schema=need.operation.schema)
        yield update
        yield _not_null(need, type_=added.type)
        return
    yield from _after_type(need, update)


def _by_default(operation: Any, expression: str) -> Iterator[Any]:
    column = operation.column._copy()
    column.server_default = DefaultClause(text(_literal(expression)))
    yield ops.AddColumnOp(operation.table_name, column, schema=operation.schema)
    yield ops.AlterColumnOp(
        operation.table_name,
        str(column.name),
        schema=operation.schema,
        existing_type=column.type,
        existing_nullable=False,
        modify_server_default=None,
    )


def _after_type(need: _Need, update: ops.ExecuteSQLOp) -> Iterator[Any]:
    """Change what else changes of the column first: the expression is one of its new type."""
    operation = need.operation
    operation.modify_nullable = None
    if operation.modify_type is not None or operation.modify_server_default is not False or operation.modify_comment is not False:
        yield operation
    yield update
    yield _not_null(need, type_=operation.modify_type if operation.modify_type is not None else operation.existing_type)


def _not_null(need: _Need, *, type_: Any) -> ops.AlterColumnOp:
    return ops.AlterColumnOp(
        need.operation.table_name,
        need.column,
        schema=need.operation.schema,
        existing_type=type_,
        existing_nullable=True,
        modify_nullable=False,
    )


def _literal(statement: str) -> str:
    """Return a statement in which SQLAlchemy finds no parameters."""
    return _PARAMETER.sub(r"\\:\1", statement)


def _notes(need: _Need, filling: Filling) -> Iterator[str]:
    if filling.by == "fill" and (need.rows or 0) >= _MANY:
        table = table_of(need.operation)
        yield (
            f"{table} has about {need.rows} rows to fill in one transaction: "
            f"`migration.generate --data --table {table}` writes a revision that does it in batches"
        )
