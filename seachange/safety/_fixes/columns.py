"""Columns added without work on the rows: values in batches, NOT NULL and constraints afterwards, each by itself."""

from __future__ import annotations

import re

from seachange.postgres.catalog import Column, Constraint, Index, Table, qualified
from seachange.postgres.catalog import Sequence as CatalogSequence
from seachange.safety._fixes.bare import bare_column
from seachange.safety._fixes.meanings import concurrently
from seachange.safety._fixes.nullability import proving
from seachange.safety._fixes.source import Statement
from seachange.safety._fixes.steps import Backfill, Known, NotFixableError, Rewrite, Step, key_of
from seachange.safety._fixes.writing import autocommit, execute

__all__ = ["add_without_work"]

_NEXT = re.compile(r"nextval\('(.+?)'::regclass\)")


def add_without_work(statement: Statement, known: Known) -> Rewrite | None:
    """Return ``op.add_column`` without rewrite, scan and index build; None when it does none of these.

    :param statement: the operation.
    :param known: what is known.
    :raises NotFixableError: the value is computed from other columns, the type has a constraint, or there is no primary key.
    """
    table = known.table(statement.table, statement.schema)
    works = any(each.rewrites or each.verified or each.index_builds for each in known.at(statement))
    if table is None or not works:
        return None
    after = known.table(table.name, table.schema, after=True)
    column = known.column(after, statement.column) if after else None
    if after is None or column is None or table.kind == "partitioned table":
        raise NotFixableError(
            "the column, or its partitions, cannot be followed from the text",
            manual="docs/fix.md shows the steps",
        )
    return _Adding(statement, known, before=table, after=after, column=column).rewrite()


class _Adding:
    """One column on its way into a table."""

    def __init__(self, statement: Statement, known: Known, *, before: Table, after: Table, column: Column) -> None:
        self._statement = statement
        self._known = known
        self._before = before
        self._after = after
        self._column = column
        self._name = qualified(column.name)
        self._target = qualified(*filter(None, (statement.schema, before.name)))
        self._rewrites = any(each.rewrites for each in known.at(statement))

    def rewrite(self) -> Rewrite:
        here = [bare_column(self._statement, self._column, filled=self._rewrites, width=self._known.width)]
        steps: list[Step] = []
        if self._rewrites:
            here += self._default()
            steps += [self._backfill(), *self._not_null()]
        for constraint in self._new_constraints():
            added, more = self._constraint(constraint)
            here += added
            steps += more
        steps += [self._index(index) for index in self._new_indexes()]
        undone = self._known.undoing(op="drop_column", table_name=self._before.name, column_name=self._column.name)
        back = () if undone else (self._sql(f"ALTER TABLE {self._target} DROP COLUMN {self._name}"),)
        how = "is added empty and filled in batches" if self._rewrites else "is added first, what checks it follows"
        return Rewrite(
            here=tuple(here),
            steps=tuple(steps),
            back=() if self._known.source.downgrade else back,
            names=frozenset({self._column.name}),
            said=(f"{self._before.qualified}.{self._column.name} {how}",),
        )

    def _default(self) -> list[str]:
        """Return what gives new rows their value from now on."""
        column = self._column
        if column.generated:
            raise NotFixableError(
                f"{column.name} is computed from other columns of each row",
                manual="VIRTUAL from PostgreSQL 18 on; before, a plain column, a trigger that sets it and a backfill",
            )
        if not column.default and not column.identity:
            raise NotFixableError(
                f"{column.type} is a domain with a constraint, which is checked for every row",
                manual="the plain type, and the constraint as a CHECK that is added NOT VALID and validated later",
            )
        sequence = self._sequence()
        made = []
        if sequence is not None:
            made.append(f"CREATE SEQUENCE {self._sequence_name} {_options(sequence)} OWNED BY {self._target}.{self._name}")
        default = f"nextval('{self._sequence_name}')" if sequence is not None else column.default
        made.append(f"ALTER TABLE {self._target} ALTER COLUMN {self._name} SET DEFAULT {default}")
        return list(map(self._sql, made))

    def _sequence(self) -> CatalogSequence | None:
        """Return the sequence that comes with the column; None when it has none, or one that was there."""
        there = {each.qualified for each in self._known.before.sequences}
        owner = f"{self._after.qualified}.{self._name}"
        found = (each for each in self._known.after.sequences if each.owned_by == owner and each.qualified not in there)
        return next(found, None)

    @property
    def _sequence_name(self) -> str:
        sequence = self._sequence()
        # An identity makes its own sequence in the end, and takes the number over.
        name = f"{self._before.name}_{self._column.name}_fill" if self._column.identity or sequence is None else sequence.name
        return qualified(*filter(None, (self._statement.schema, name)))

    def _backfill(self) -> Step:
        fill = Backfill(
            table=self._target, key=key_of(self._before), change=f"{self._name} = DEFAULT", rows=f"{self._name} IS NULL"
        )
        return Step(kind="backfill", title=f"Fill {self._column.name} of {self._before.name}", backfill=fill)

    def _not_null(self) -> list[Step]:
        if not self._column.not_null:
            return []
        alter = f"ALTER TABLE {self._target} ALTER COLUMN {self._name}"
        steps = list(
            proving(
                self._before,
                self._column.name,
                self._known,
                forth=self._sql(f"{alter} SET NOT NULL"),
                back=self._sql(f"{alter} DROP NOT NULL"),
                schema=self._statement.schema,
            )
        )
        if self._column.identity:
            steps.append(self._identity())
        return steps

    def _identity(self) -> Step:
        sequence = self._sequence()
        if sequence is None:
            raise NotFixableError("the sequence of the identity is not in the catalogue", manual="docs/fix.md shows the steps")
        alter, kind = f"ALTER TABLE {self._target} ALTER COLUMN {self._name}", self._column.identity.upper()
        inside = f"pg_get_serial_sequence('{self._target}', '{self._column.name}')"
        fill = self._sequence_name
        up = (
            f"ALTER SEQUENCE {fill} OWNED BY NONE",
            f"{alter} DROP DEFAULT",
            f"{alter} ADD GENERATED {kind} AS IDENTITY{f' ({numbers})' if (numbers := _numbers(sequence)) else ''}",
            f"SELECT setval({inside}, nextval('{fill}'), false)",
            f"DROP SEQUENCE {fill}",
        )
        down = (
            f"CREATE SEQUENCE {fill} {_options(sequence)}",
            f"SELECT setval('{fill}', nextval({inside}), false)",
            f"{alter} DROP IDENTITY",
            f"{alter} SET DEFAULT nextval('{fill}')",
            f"ALTER SEQUENCE {fill} OWNED BY {self._target}.{self._name}",
        )
        return Step(
            kind="ddl",
            title=f"Make {self._column.name} of {self._before.name} an identity",
            up=tuple(map(self._sql, up)),
            down=tuple(map(self._sql, down)),
        )

    def _new_constraints(self) -> list[Constraint]:
        """Return the constraints that the statement makes with the column."""
        there = {each.name for each in self._before.constraints}
        others = {each.name for each in self._known.source.upgrade if each is not self._statement}
        mine = (each for each in self._after.constraints if each.columns == (self._column.name,) and each.kind != "not null")
        return [each for each in mine if each.name not in there | others]

    def _new_indexes(self) -> list[Index]:
        there = {each.name for each in self._before.indexes}
        others = {each.name for each in self._known.source.upgrade if each is not self._statement}
        mine = (each for each in self._after.indexes if each.columns == (self._column.name,))
        return [each for each in mine if each.name not in there | others]

    def _constraint(self, constraint: Constraint) -> tuple[list[str], list[Step]]:
        name = qualified(constraint.name)
        add = f"ALTER TABLE {self._target} ADD CONSTRAINT {name}"
        if constraint.kind in ("check", "foreign key"):
            added = self._sql(f"{add} {constraint.definition} NOT VALID")
            gone = self._sql(f"ALTER TABLE {self._target} DROP CONSTRAINT {name}")
            validate = self._sql(f"ALTER TABLE {self._target} VALIDATE CONSTRAINT {name}")
            step = Step(kind="validate", title=f"Validate {constraint.name}", up=(validate,), down=(gone, added))
            return [added], [step]
        if constraint.kind not in ("unique", "primary key"):
            raise NotFixableError(f"{constraint.name} is an {constraint.kind} constraint", manual="add it by itself, in a window")
        index = f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {self._target} ({self._name})"
        step = Step(
            kind="concurrent",
            title=f"Build {constraint.name}",
            up=(
                autocommit([execute(index, width=self._known.width - 4)]),
                self._sql(f"{add} {constraint.kind.upper()} USING INDEX {name}"),
            ),
            down=(self._sql(f"ALTER TABLE {self._target} DROP CONSTRAINT {name}"),),
        )
        return [], [step]

    def _index(self, index: Index) -> Step:
        gone = f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(*filter(None, (self._statement.schema, index.name)))}"
        width = self._known.width - 4
        return Step(
            kind="concurrent",
            title=f"Build {index.name}",
            up=(autocommit([execute(concurrently(index.definition), width=width)]),),
            down=(autocommit([execute(gone, width=width)]),),
        )

    def _sql(self, sql: str) -> str:
        return execute(sql, width=self._known.width)


def _options(sequence: CatalogSequence) -> str:
    """Return what makes a sequence like this one; what is usual for its type is left out."""
    return f"AS {sequence.type} {_numbers(sequence)}".rstrip()


def _numbers(sequence: CatalogSequence) -> str:
    words = [f"START WITH {sequence.start}"] if sequence.start != 1 else []
    words += [f"INCREMENT BY {sequence.increment}"] if sequence.increment != 1 else []
    words += [f"CACHE {sequence.cache}"] if sequence.cache != 1 else []
    return " ".join([*words, *(["CYCLE"] if sequence.cycle else [])])
