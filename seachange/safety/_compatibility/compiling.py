"""Compile what the ORM would send for mapped classes and tables, without a database."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from seachange.postgres.catalog import qualified
from seachange.safety._compatibility.values import Code, CodeColumn, CodeTable, Kind, Query

if TYPE_CHECKING:
    from sqlalchemy import Column, Dialect, MetaData, Table
    from sqlalchemy.orm import Mapper
    from sqlalchemy.sql.base import Executable

__all__ = ["compile_code"]


def compile_code(metadata: MetaData, mappers: Iterable[Mapper[Any]], *, name: str = "") -> Code:
    """Return the tables that code knows, and every statement that SQLAlchemy would send for them.

    A name without a schema stays without one.

    :param metadata: the tables.
    :param mappers: the mapped classes.
    :param name: what the code is called.
    """
    known = _Compiler()
    with warnings.catch_warnings():
        # What SQLAlchemy has to say about models is said where they are used.
        warnings.simplefilter("ignore")
        mapped = known.configured(mappers)
        for mapper in mapped:
            known.add_mapper(mapper)
        tables = {table.key: _known(table, mapped) for table in (*_tables_of(mapped), *metadata.tables.values())}
        for table in tables.values():
            known.add_table(table)
    described = [_described(table) for table in tables.values()]
    return Code(
        name=name, tables={table.name: table for table in described}, queries=tuple(known.queries), problems=tuple(known.problems)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Known:
    """A table with the columns that the code names: of a mapped one those that are mapped."""

    table: Table
    columns: tuple[Column[Any], ...]
    owner: str
    mapped: bool
    identities: tuple[str, ...] = ()


class _Compiler:
    def __init__(self) -> None:
        self._dialect = _dialect()
        self.queries: list[Query] = []
        self.problems: list[str] = []

    def configured(self, mappers: Iterable[Mapper[Any]]) -> list[Mapper[Any]]:
        from sqlalchemy.exc import SQLAlchemyError
        from sqlalchemy.orm import configure_mappers

        try:
            configure_mappers()
        except SQLAlchemyError as exc:
            self.problems.append(f"the mapped classes cannot be configured, only their tables were looked at: {_first_line(exc)}")
            return []
        return sorted(mappers, key=lambda mapper: mapper.class_.__qualname__)

    def add_mapper(self, mapper: Mapper[Any]) -> None:
        """Compile what loading a class sends, and a join along each of its relationships."""
        from sqlalchemy import select
        from sqlalchemy.orm import aliased

        name = mapper.class_.__name__
        table = _relation(mapper.local_table)
        loaded = _loaded(mapper)
        one = [key == _bound(key) for key in mapper.primary_key]
        self._add("SELECT", select(mapper), owner=name, table=table, uses=loaded)
        self._add("SELECT", select(mapper).where(*one), owner=name, table=table, uses=loaded)
        for relationship in mapper.relationships:
            target = relationship.mapper
            uses = [*_loaded(target), *relationship.local_columns, *relationship.remote_side]
            alias = aliased(target)
            along = select(alias).select_from(mapper).join(getattr(mapper.class_, relationship.key).of_type(alias))
            self._add("join", along, owner=f"{name}.{relationship.key}", table=table, uses=uses)

    def add_table(self, known: _Known) -> None:
        """Compile what reading and writing rows of a table sends, as the unit of work does it."""
        from sqlalchemy import delete, insert, select, update

        table, keys = known.table, list(known.table.primary_key.columns)
        about: dict[str, Any] = {"owner": known.owner, "table": _relation(table)}
        one = [key == _bound(key) for key in keys]
        if not known.mapped:
            self._add("SELECT", select(*known.columns), uses=known.columns, **about)
        for rows in _inserted(known.columns):
            left = [column for column in known.columns if _filled(column) and column not in rows]
            self._add("INSERT", insert(table).returning(*left), uses=[*rows, *left], keys=rows, **about)
        if not keys:
            return
        for column in known.columns:
            if not column.computed and not column.primary_key:
                self._add("UPDATE", update(table).where(*one), uses=[column, *keys], keys=[column], **about)
        self._add("DELETE", delete(table).where(*one), uses=keys, **about)

    def _add(
        self, kind: Kind, statement: Executable, *, owner: str, table: str, uses: Iterable[Any], keys: Sequence[Column[Any]] = ()
    ) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            compiled = statement.compile(  # type: ignore[attr-defined]
                dialect=self._dialect,
                column_keys=[column.key for column in keys] or None,
                compile_kwargs={"render_postcompile": True},
            )
        except (SQLAlchemyError, AttributeError, NotImplementedError, TypeError) as exc:
            self.problems.append(f"{kind} of {owner} cannot be compiled: {_first_line(exc)}")
            return
        self.queries.append(Query(kind=kind, sql=str(compiled), owner=owner, table=table, uses=_uses(uses)))


def _dialect() -> Dialect:
    from sqlalchemy.dialects.postgresql import psycopg

    # The casts of psycopg 3 and asyncpg, with the parameters of PREPARE.
    dialect: Callable[..., Dialect] = psycopg.dialect
    return dialect(paramstyle="numeric_dollar")


def _bound(column: Any) -> Any:
    from sqlalchemy import bindparam

    return bindparam(f"old_{column.key}", value=None, type_=column.type)


def _inserted(columns: Sequence[Column[Any]]) -> Iterator[list[Column[Any]]]:
    """Yield the columns of an INSERT with every value given, and of one that leaves to the server what it can fill."""
    given = [column for column in columns if not column.computed and not (column.identity and column.identity.always)]
    left = [column for column in given if not _filled(column)]
    yield given
    if left and left != given:
        yield left


def _filled(column: Column[Any]) -> bool:
    table: Any = column.table
    return bool(
        column.server_default is not None
        or column.identity
        or column.computed
        or (column.default is not None and column.default.is_sequence)
        or column is table.autoincrement_column
    )


def _described(known: _Known) -> CodeTable:
    from sqlalchemy import CheckConstraint, UniqueConstraint

    table = known.table
    keys = [tuple(key.name for key in table.primary_key.columns)]
    keys += [(column.name,) for column in table.columns if column.unique]
    keys += [tuple(column.name for column in each.columns) for each in table.constraints if isinstance(each, UniqueConstraint)]
    keys += [tuple(column.name for column in index.columns) for index in table.indexes if index.unique]
    checks = [str(each.name) for each in table.constraints if isinstance(each, CheckConstraint) and each.name]
    return CodeTable(
        name=_relation(table),
        columns=tuple(
            CodeColumn(name=column.name, nullable=bool(column.nullable), filled=_filled(column), labels=_labels(column.type))
            for column in known.columns
        ),
        keys=tuple(sorted(set(keys) - {()})),
        checks=tuple(sorted(checks)),
        references=tuple(sorted(_references(table))),
        identities=known.identities,
    )


def _references(table: Table) -> Iterator[tuple[tuple[str, ...], str]]:
    for key in table.foreign_key_constraints:
        names = key.elements[0].target_fullname.split(".")[:-1]
        yield tuple(column.name for column in key.columns), qualified(*names)


def _labels(kind: Any) -> tuple[str, ...]:
    found = getattr(getattr(kind, "item_type", kind), "enums", None)
    return tuple(map(str, found)) if isinstance(found, (list, tuple)) else ()


def _tables_of(mappers: Iterable[Mapper[Any]]) -> Iterator[Table]:
    from sqlalchemy import Table

    for mapper in mappers:
        yield from (table for table in mapper.tables if isinstance(table, Table))


def _known(table: Table, mappers: Iterable[Mapper[Any]]) -> _Known:
    here = [mapper for mapper in mappers if table in mapper.tables]
    own = [mapper for mapper in here if mapper.local_table is table and not mapper.single]
    named = {column for mapper in here for column in mapper.columns}
    roots = [mapper for mapper in own if mapper.polymorphic_on is not None and not mapper.inherits]
    identities = {str(name) for mapper in roots for name in mapper.polymorphic_map}
    return _Known(
        table=table,
        columns=tuple(column for column in table.columns if not here or column in named),
        owner=own[0].class_.__name__ if own else _relation(table),
        mapped=bool(own),
        identities=tuple(sorted(identities)),
    )


def _loaded(mapper: Mapper[Any], *, seen: tuple[Mapper[Any], ...] = ()) -> list[Any]:
    """Return the columns that loading a class names, those that are joined to it by themselves included."""
    own = [attribute for each in mapper.self_and_descendants for attribute in each.column_attrs if not attribute.deferred]
    columns: list[Any] = [column for attribute in own for column in attribute.columns]
    for relationship in mapper.relationships:
        if relationship.lazy in ("joined", False) and relationship.mapper not in seen:
            between: list[Any] = [*relationship.local_columns, *relationship.remote_side]
            columns += between
            columns += _loaded(relationship.mapper, seen=(*seen, mapper))
    return columns


def _uses(columns: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    from sqlalchemy import Table

    found: dict[str, dict[str, None]] = {}
    for column in columns:
        if isinstance(table := getattr(column, "table", None), Table):
            found.setdefault(_relation(table), {})[column.name] = None
    return {table: tuple(names) for table, names in found.items()}


def _relation(table: Any) -> str:
    name = getattr(table, "name", "")
    return qualified(*filter(None, (getattr(table, "schema", None), str(name)))) if name else ""


def _first_line(exc: Exception) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0]
