"""Identity columns: becoming one, being none any more, and the options of the sequence behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from seachange.postgres.catalog import Column, Sequence, qualified
from seachange.revisions._plain_sql import PlainSQLOp, plain_sql
from seachange.revisions._sides import Sides, is_serial

if TYPE_CHECKING:
    import sqlalchemy as sa

    from seachange.postgres.catalog import Table

__all__ = ["compare_identity"]


def compare_identity(
    sides: Sides, table: sa.Table, column: sa.Column[Any], *, tables: tuple[Table, Table], both: tuple[Column, Column]
) -> Iterator[PlainSQLOp]:
    """Return what makes the identity of a column what the models say.

    :param sides: what the models make, and what the database has.
    :param table: the table in the models.
    :param column: the column in the models.
    :param tables: the table on both sides.
    :param both: the column on both sides.
    """
    yield from _Identity(sides, table, column, tables=tables, both=both).operations()


class _Identity:
    """How the identity of one column differs."""

    def __init__(
        self, sides: Sides, table: sa.Table, column: sa.Column[Any], *, tables: tuple[Table, Table], both: tuple[Column, Column]
    ) -> None:
        self._sides, self._table, self._column = sides, table, column
        self._wanted, self._present = both
        self._shown = f"{table.fullname}.{column.name}"
        self._alter = f"ALTER TABLE {sides.sql_name(table)} ALTER COLUMN {qualified(column.name)}"
        owner = f"{qualified(tables[1].schema, tables[1].name)}.{qualified(column.name)}"
        self._new, self._old = (
            next((each for each in catalog.sequences if each.owned_by == owner), None)
            for catalog in (sides.declared.catalog, sides.actual)
        )

    def _operation(self, there: Iterable[str], back: Iterable[str], **said: str) -> PlainSQLOp:
        name = f"change_{self._column.name}_of_{self._table.name}"
        return plain_sql(self._table.name, tuple(there), tuple(back), schema=self._table.schema, name=name, **said)

    def operations(self) -> Iterator[PlainSQLOp]:
        wanted, present = self._wanted, self._present
        new, old = self._new, self._old
        if wanted.identity and present.identity:
            there, back = _settings((wanted, new), (present, old)), _settings((present, old), (wanted, new))
            if there:
                said = f"identity, generated {_options(wanted, new)}"
                yield self._operation(
                    (f"{self._alter} {there}",),
                    (f"{self._alter} {back}",),
                    does=f"make {self._shown} an {said}",
                    differs=f"column {self._shown} is an identity, generated {_options(present, old)} in the database, "
                    f"{_options(wanted, new)} in the models",
                )
        elif wanted.identity:
            yield self._operation(
                self._become(wanted, new),
                self._leave(present, old),
                does=f"make {self._shown} an identity, generated {_options(wanted, new)}",
                differs=f"column {self._shown} is no identity in the database, but in the models",
            )
        elif not is_serial(self._sides.declared.catalog, self._column, wanted, schema=self._sides.schema):
            # A plain autoincrement key says nothing of how the numbers are made; a column without any says that none are.
            yield self._operation(
                self._leave(wanted, new),
                self._become(present, old),
                does=f"make {self._shown} no identity",
                differs=f"column {self._shown} is an identity in the database, not in the models",
            )

    def _become(self, column: Column, sequence: Sequence | None) -> tuple[str, ...]:
        """Return what makes the column an identity that goes on after the numbers that are there."""
        table, name = self._sides.sql_name(self._table), qualified(column.name)
        old = self._old
        before = [f"{self._alter} DROP DEFAULT"] if self._present.default else []
        before += [f"DROP SEQUENCE {old.qualified}"] if old and not old.identity else []
        add = f"{self._alter} ADD GENERATED {column.identity.upper()} AS IDENTITY{_created(sequence)}"
        sequence_of = f"pg_get_serial_sequence('{_quoted(table)}', '{_quoted(column.name)}')"
        return (*before, add, _go_on(sequence_of, name, table))

    def _leave(self, column: Column, sequence: Sequence | None) -> tuple[str, ...]:
        drop = f"{self._alter} DROP IDENTITY"
        if not column.default:
            return (drop,)
        if sequence is None or sequence.identity:
            return (drop, f"{self._alter} SET DEFAULT {column.default}")
        table, name = self._sides.sql_name(self._table), qualified(column.name)
        make = f"CREATE SEQUENCE {sequence.qualified} AS {sequence.type} OWNED BY {table}.{name}"
        following = _go_on(f"'{_quoted(sequence.qualified)}'", name, table)
        return (drop, make, f"{self._alter} SET DEFAULT {column.default}", following)


def _go_on(sequence: str, column: str, table: str) -> str:
    return f"SELECT setval({sequence}, max({column})) FROM {table} HAVING max({column}) IS NOT NULL"  # noqa: S608


def _quoted(name: str) -> str:
    return name.replace("'", "''")


def _numbers(sequence: Sequence | None) -> dict[str, str]:
    if sequence is None:
        return {}
    return {
        "START WITH": str(sequence.start),
        "INCREMENT BY": str(sequence.increment),
        "MINVALUE": str(sequence.minimum),
        "MAXVALUE": str(sequence.maximum),
        "CACHE": str(sequence.cache),
        "CYCLE": "CYCLE" if sequence.cycle else "NO CYCLE",
    }


_USUAL = {"START WITH": "1", "INCREMENT BY": "1", "MINVALUE": "1", "CACHE": "1", "CYCLE": "NO CYCLE"}
_LARGEST = {"smallint": "32767", "integer": "2147483647", "bigint": "9223372036854775807"}


def _special(sequence: Sequence | None) -> list[str]:
    usual = {**_USUAL, "MAXVALUE": _LARGEST.get(sequence.type if sequence else "", "")}
    return [value if key == "CYCLE" else f"{key} {value}" for key, value in _numbers(sequence).items() if usual.get(key) != value]


def _created(sequence: Sequence | None) -> str:
    special = _special(sequence)
    return f" ({' '.join(special)})" if special else ""


def _options(column: Column, sequence: Sequence | None) -> str:
    return " ".join([column.identity, *(word.lower() for word in _special(sequence))])


_Side = tuple[Column, Sequence | None]


def _settings(wanted: _Side, present: _Side) -> str:
    there, here = _numbers(present[1]), _numbers(wanted[1])
    words = [f"SET GENERATED {wanted[0].identity.upper()}"] if wanted[0].identity != present[0].identity else []
    changed = [key for key, value in here.items() if there.get(key) != value]
    words += [f"SET {here[key]}" if key == "CYCLE" else f"SET {key} {here[key]}" for key in changed]
    return " ".join(words)
