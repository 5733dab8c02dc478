"""Expand and contract: another column beside the old one, a trigger that keeps both in step, a backfill, and the swap."""

from __future__ import annotations

import re
from collections.abc import Sequence

from seachange.postgres.catalog import Column, Index, Table, qualified
from seachange.safety._fixes.meanings import concurrently
from seachange.safety._fixes.nullability import proving
from seachange.safety._fixes.source import Statement
from seachange.safety._fixes.steps import Backfill, Known, NotFixableError, Rewrite, Step, key_of
from seachange.safety._fixes.writing import autocommit, execute, script

__all__ = ["change_type", "rename_column"]

_BESIDES = {"nullable", "server_default", "comment"}

_FORWARD = """\
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.{new} := {value};
    RETURN NEW;
END
$$"""

# What does not fit the old type is NULL there, and does not stop whoever writes it.
_BACKWARD = """\
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        NEW.{old} := NEW.{new}::{type};
    EXCEPTION WHEN data_exception OR cannot_coerce THEN
        NEW.{old} := NULL;
    END;
    RETURN NEW;
END
$$"""

_BOTH = """\
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.{new} IS NULL THEN NEW.{new} := NEW.{old}; ELSE NEW.{old} := NEW.{new}; END IF;
    ELSIF NEW.{new} IS DISTINCT FROM OLD.{new} THEN
        NEW.{old} := NEW.{new};
    ELSIF NEW.{old} IS DISTINCT FROM OLD.{old} THEN
        NEW.{new} := NEW.{old};
    END IF;
    RETURN NEW;
END
$$"""


def change_type(statement: Statement, known: Known) -> Rewrite | None:
    """Return ``op.alter_column(..., type_=...)`` as a swap of columns; None when the table is not rewritten.

    :raises NotFixableError: the operation changes more, or keys, checks or an identity hang on the column.
    """
    table = known.table(statement.table, statement.schema)
    rewritten = any(each.rewrites for each in known.at(statement))
    if table is None or "type_" not in statement.arguments or not rewritten:
        return None
    after = known.table(table.name, table.schema, after=True)
    return _Expanding(statement, known, table, known.column(after, statement.text("column_name")) if after else None).swapped()


def rename_column(statement: Statement, known: Known) -> Rewrite | None:
    """Return ``op.alter_column(..., new_column_name=...)`` as a second column, to which code can move; None for another change.

    :raises NotFixableError: the operation changes more, or keys, checks or an identity hang on the column.
    """
    table, name = known.table(statement.table, statement.schema), statement.text("new_column_name")
    if table is None or not name or "type_" in statement.arguments:
        return None
    after = known.table(table.name, table.schema, after=True)
    return _Expanding(statement, known, table, known.column(after, name) if after else None).doubled()


class _Expanding:
    """A column with another one beside it."""

    def __init__(self, statement: Statement, known: Known, table: Table, after: Column | None) -> None:  # noqa: PLR0917
        before = known.column(table, statement.text("column_name"))
        if before is None or after is None:
            raise NotFixableError("the column is not in the catalogue", manual="name it as the table has it")
        self._statement, self._known, self._table = statement, known, table
        self._before, self._after = before, after
        self._target = qualified(*filter(None, (statement.schema, table.name)))
        self._function = qualified(*filter(None, (statement.schema, f"keep_{table.name}_{before.name}"[:63])))
        self._trigger = qualified(f"keep_{table.name}_{before.name}"[:63])
        self._require_free()

    def swapped(self) -> Rewrite:
        """Return the steps to another type under the same name; the old values stay in a column called ``..._old``."""
        name, new, old = (qualified(f"{self._before.name}{end}") for end in ("", "_new", "_old"))
        using = self._statement.text("postgresql_using")
        value = re.sub(rf"\b{re.escape(name)}\b", f"NEW.{name}", using) if using else f"NEW.{name}::{self._after.type}"
        forward = _FORWARD.format(function=self._function, new=new, value=value)
        backward = _BACKWARD.format(function=self._function, old=old, new=name, type=self._before.type)
        fill = f"{new} = {using or f'{name}::{self._after.type}'}"
        indexes = [each for each in self._table.indexes if self._before.name in each.columns]
        steps = [
            self._backfill(fill, rows=f"{name} IS NOT NULL AND {new} IS NULL"),
            *self._not_null(f"{self._before.name}_new"),
            *self._indexes(indexes),
            self._swap(indexes, forward=forward, backward=backward),
        ]
        later = (*self._unbound(), f"ALTER TABLE {self._target} DROP COLUMN {old}")
        return Rewrite(
            here=_noted(later, self._expanded(f"{self._before.name}_new", forward)),
            steps=tuple(steps),
            undone=self._undoing("type_"),
            back=self._contracted(new),
            names=frozenset({self._before.name}),
            later=later,
            said=(f"{self._table.qualified}.{name} changes its type through a second column, which takes its place at the end",),
        )

    def doubled(self) -> Rewrite:
        """Return the steps to a second column under the new name, beside the old one until a later revision drops that."""
        old, new = qualified(self._before.name), qualified(self._after.name)
        both = _BOTH.format(function=self._function, old=old, new=new)
        indexes = [each for each in self._table.indexes if self._before.name in each.columns]
        if indexes:
            raise NotFixableError(
                f"{indexes[0].name} is built on the column", manual="build its like on the new column, concurrently, by hand"
            )
        later = [*self._unbound(), f"ALTER TABLE {self._target} DROP COLUMN {old}"]
        if self._after.default:
            later.append(f"ALTER TABLE {self._target} ALTER COLUMN {new} SET DEFAULT {self._after.default}")
        return Rewrite(
            here=_noted(later, self._expanded(self._after.name, both)),
            steps=(
                self._backfill(f"{new} = {old}", rows=f"{old} IS NOT NULL AND {new} IS NULL"),
                *self._not_null(self._after.name),
            ),
            undone=self._undoing("new_column_name", column=self._after.name),
            back=self._contracted(new),
            names=frozenset({self._before.name, self._after.name}),
            later=tuple(later),
            keeps=f"SELECT {old} FROM {self._target}",  # noqa: S608  # names with their quotes
            said=(f"{self._table.qualified}.{old} stays beside {new}, both kept in step, so that running code goes on",),
        )

    def _require_free(self) -> None:
        name = self._before.name
        held = [each.name for each in self._table.constraints if name in each.columns and each.kind != "not null"]
        views = [view.qualified for view in self._known.before.views if re.search(rf"\b{re.escape(name)}\b", view.definition)]
        referred = [
            key.name
            for table in self._known.before.tables
            for key in table.foreign_keys
            if (key.references_schema, key.references_table) == (self._table.schema, self._table.name)
            and name in key.references_columns
        ]
        if found := [*held, *referred, *views]:
            raise NotFixableError(
                f"{', '.join(found)} hang{'s' if len(found) == 1 else ''} on the column",
                manual="the steps of docs/fix.md, with a new constraint for each: NOT VALID, validated, then swapped",
            )
        if self._before.identity or self._before.generated or self._table.kind != "table":
            raise NotFixableError("the column is computed by the server", manual="the steps of docs/fix.md, by hand")
        if self._statement.sql or _BESIDES & set(self._statement.arguments):
            raise NotFixableError("the operation changes more than this", manual="one op.alter_column for each change")

    def _expanded(self, name: str, function: str) -> tuple[str, ...]:
        collation = f" COLLATE {self._after.collation}" if self._after.collation else ""
        trigger = f"BEFORE INSERT OR UPDATE ON {self._target} FOR EACH ROW EXECUTE FUNCTION {self._function}()"
        return (
            self._sql(f"ALTER TABLE {self._target} ADD COLUMN {qualified(name)} {self._after.type}{collation}"),
            script(function),
            self._sql(f"CREATE TRIGGER {self._trigger} {trigger}"),
        )

    def _contracted(self, new: str) -> tuple[str, ...]:
        return (
            self._sql(f"DROP TRIGGER {self._trigger} ON {self._target}"),
            self._sql(f"DROP FUNCTION {self._function}()"),
            self._sql(f"ALTER TABLE {self._target} DROP COLUMN {new}"),
        )

    def _unbound(self) -> tuple[str, str]:
        return f"DROP TRIGGER {self._trigger} ON {self._target}", f"DROP FUNCTION {self._function}()"

    def _backfill(self, change: str, *, rows: str) -> Step:
        fill = Backfill(table=self._target, key=key_of(self._table), change=change, rows=rows)
        return Step(kind="backfill", title=f"Fill {self._after.name} of {self._table.name}", backfill=fill)

    def _not_null(self, name: str) -> tuple[Step, ...]:
        if not self._after.not_null:
            return ()
        alter = f"ALTER TABLE {self._target} ALTER COLUMN {qualified(name)}"
        forth, back = self._sql(f"{alter} SET NOT NULL"), self._sql(f"{alter} DROP NOT NULL")
        return proving(self._table, name, self._known, forth=forth, back=back, schema=self._statement.schema)

    def _indexes(self, indexes: list[Index]) -> list[Step]:
        if not indexes:
            return []
        inner = self._known.width - 4
        made = [autocommit([execute(concurrently(self._renamed(each)), width=inner)]) for each in indexes]
        gone = [
            autocommit([execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self._in_schema(f'{each.name}_new')}", width=inner)])
            for each in indexes
        ]
        return [Step(kind="concurrent", title=f"Build {indexes[0].name} anew", up=tuple(made), down=tuple(reversed(gone)))]

    def _renamed(self, index: Index) -> str:
        """Return the definition of an index for the new column."""
        head, using, body = index.definition.partition(" USING ")
        column = rf"(?<!\w){re.escape(qualified(self._before.name))}(?!\w)"
        changed = re.sub(column, qualified(f"{self._before.name}_new"), body)
        return head.replace(f"INDEX {qualified(index.name)} ", f"INDEX {qualified(f'{index.name}_new')} ", 1) + using + changed

    def _swap(self, indexes: list[Index], *, forward: str, backward: str) -> Step:
        table, name = f"ALTER TABLE {self._target}", self._before.name
        old, new, now = (qualified(f"{name}{end}") for end in ("_old", "_new", ""))
        up = [f"{table} RENAME COLUMN {now} TO {old}", f"{table} RENAME COLUMN {new} TO {now}"]
        down = [f"{table} RENAME COLUMN {now} TO {new}", f"{table} RENAME COLUMN {old} TO {now}"]
        if self._before.default:
            up += [f"{table} ALTER COLUMN {old} DROP DEFAULT", f"{table} ALTER COLUMN {now} SET DEFAULT {self._after.default}"]
            down = [
                f"{table} ALTER COLUMN {now} DROP DEFAULT",
                *down,
                f"{table} ALTER COLUMN {now} SET DEFAULT {self._before.default}",
            ]
        if self._before.not_null:
            up.append(f"{table} ALTER COLUMN {old} DROP NOT NULL")
            down.append(f"{table} ALTER COLUMN {now} SET NOT NULL")
        for each in indexes:
            kept, fresh, gone = (self._in_schema(f"{each.name}{end}") for end in ("", "_new", "_old"))
            up += [
                f"ALTER INDEX {kept} RENAME TO {qualified(f'{each.name}_old')}",
                f"ALTER INDEX {fresh} RENAME TO {qualified(each.name)}",
            ]
            down += [
                f"ALTER INDEX {kept} RENAME TO {qualified(f'{each.name}_new')}",
                f"ALTER INDEX {gone} RENAME TO {qualified(each.name)}",
            ]
        replaced = forward.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        return Step(
            kind="ddl",
            title=f"Swap {name} of {self._table.name}",
            up=(*map(self._sql, up), script(backward)),
            down=(*map(self._sql, down), script(replaced)),
        )

    def _undoing(self, argument: str, *, column: str = "") -> tuple[Statement, ...]:
        wanted = {"op": "alter_column", "table_name": self._table.name, "column_name": column or self._before.name}
        found = [each for each in self._known.undoing(**wanted) if argument in each.arguments]
        if not found and self._known.source.downgrade:
            raise NotFixableError("downgrade() does not undo it by op.alter_column", manual="write op.alter_column there as well")
        return tuple(found[:1])

    def _in_schema(self, name: str) -> str:
        return qualified(*filter(None, (self._statement.schema, name)))

    def _sql(self, sql: str) -> str:
        return execute(sql, width=self._known.width)


def _noted(later: Sequence[str], code: tuple[str, ...]) -> tuple[str, ...]:
    """Return code with a comment above it that says what is left to do."""
    lines = ["# Once no running code needs the old column, in a revision of its own:", *(f"# {sql}" for sql in later)]
    return ("\n".join([*lines, code[0]]), *code[1:])
