"""Enum types of the models against those of a database: what Alembic does not compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from seachange.revisions._enum_queries import COLUMNS, DEPENDENTS, FIXING

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData, RowMapping

__all__ = [
    "EnumChange",
    "EnumColumn",
    "EnumType",
    "compare_enums",
    "drop_candidates",
    "is_native_enum",
    "literal",
    "qualified",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnumColumn:
    """A column of an enum type; ``default`` is its expression, ``array`` whether it holds several."""

    table: str
    column: str
    array: bool
    default: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnumType:
    """An enum type; ``schema`` is empty for the default one."""

    schema: str
    name: str
    labels: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnumChange:
    """How an enum type differs; ``old`` is that of the database, ``new`` that of the models."""

    old: EnumType | None
    new: EnumType | None
    columns: tuple[EnumColumn, ...] = ()
    dependents: tuple[tuple[str, str], ...] = ()
    fixed: bool = False

    @property
    def added(self) -> tuple[str, ...]:
        """Labels that only the models have."""
        before = self.old.labels if self.old else ()
        return tuple(label for label in (self.new.labels if self.new else ()) if label not in before)

    @property
    def removed(self) -> tuple[str, ...]:
        """Labels that only the database has."""
        after = self.new.labels if self.new else ()
        return tuple(label for label in (self.old.labels if self.old else ()) if label not in after)

    def placements(self) -> Iterator[tuple[str, str]]:
        """Return each added label with ``BEFORE`` or ``AFTER`` and a label that is there already."""
        labels = self.new.labels if self.new else ()
        present = list(self.old.labels if self.old else ())
        for position, label in enumerate(labels):
            if label in present:
                continue
            following = next((later for later in labels[position + 1 :] if later in present), None)
            before = [earlier for earlier in labels[:position] if earlier in present]
            if before:
                yield label, f"AFTER {literal(before[-1])}"
            else:
                yield label, f"BEFORE {literal(following)}" if following is not None else ""
            present.append(label)


def literal(text: str) -> str:
    """Return ``text`` as a constant of SQL."""
    return "'" + text.replace("'", "''") + "'"


def qualified(connection: Connection, schema: str, name: str) -> str:
    """Return a quoted name, with its schema if that is not the default one."""
    quote = connection.dialect.identifier_preparer.quote
    return f"{quote(schema)}.{quote(name)}" if schema else str(quote(name))


def compare_enums(connection: Connection, metadata: MetaData, *, schemas: Iterable[str | None]) -> tuple[EnumChange, ...]:
    """Return the enum types that the models have and the database has not, or has with other labels.

    :param connection: the database.
    :param metadata: the models.
    :param schemas: where the models may have types; None is the default schema.
    """
    declared = _declared(metadata, default=connection.dialect.default_schema_name)
    existing = _existing(connection)
    looked_at = {schema or "" for schema in schemas}
    changes = []
    for key, new in declared.items():
        old = existing.get(key)
        if new.schema not in looked_at or (old is not None and old.labels == new.labels):
            continue
        change = EnumChange(old=old, new=new)
        changes.append(dataclasses.replace(change, **_users(connection, old)) if old is not None else change)
    return tuple(changes)


def drop_candidates(connection: Connection, metadata: MetaData, dropped: Iterable[tuple[str, str]]) -> tuple[EnumChange, ...]:
    """Return the enum types that nothing uses once the columns ``dropped`` are gone, and that the models do not have.

    :param dropped: tables, with their schema if that is not the default one, and columns.
    """
    gone = set(dropped)
    declared = _declared(metadata, default=connection.dialect.default_schema_name)
    changes = []
    for key, old in _existing(connection).items():
        if key in declared:
            continue
        users = _columns(connection, old)
        if users and {(user.table, user.column) for user in users} <= gone:
            changes.append(EnumChange(old=old, new=None))
    return tuple(changes)


def is_native_enum(type_: object) -> bool:
    """Whether a column type of the models becomes a type of its own in the database."""
    import sqlalchemy as sa

    return isinstance(type_, sa.Enum) and bool(type_.name) and bool(type_.native_enum)


def _declared(metadata: MetaData, *, default: str | None) -> dict[tuple[str, str], EnumType]:
    found: dict[tuple[str, str], EnumType] = {}
    for table in metadata.tables.values():
        for column in table.columns:
            type_: Any = getattr(column.type, "item_type", column.type)
            if is_native_enum(type_):
                schema = type_.schema or ""
                schema = "" if schema == default else schema
                found[schema, str(type_.name)] = EnumType(schema=schema, name=str(type_.name), labels=tuple(type_.enums))
    return found


def _existing(connection: Connection) -> dict[tuple[str, str], EnumType]:
    from sqlalchemy import inspect

    default = connection.dialect.default_schema_name
    inspector: Any = inspect(connection)
    found = {}
    for enum in inspector.get_enums(schema="*"):
        schema = "" if enum["schema"] == default else enum["schema"]
        found[schema, enum["name"]] = EnumType(schema=schema, name=enum["name"], labels=tuple(enum["labels"]))
    return found


def _parameters(connection: Connection, enum: EnumType) -> dict[str, str]:
    return {"name": enum.name, "schema": enum.schema or str(connection.dialect.default_schema_name)}


def _columns(connection: Connection, enum: EnumType) -> tuple[EnumColumn, ...]:
    return tuple(
        EnumColumn(table=_shown(connection, row), column=row["column"], array=row["array"], default=row["default"])
        for row in _rows(connection, enum)
        if not row["generated"]
    )


def _rows(connection: Connection, enum: EnumType) -> Sequence[RowMapping]:
    return connection.execute(COLUMNS, _parameters(connection, enum)).mappings().all()


def _shown(connection: Connection, row: RowMapping) -> str:
    return str(row["table"]) if row["schema"] == connection.dialect.default_schema_name else f"{row['schema']}.{row['table']}"


def _users(connection: Connection, enum: EnumType) -> dict[str, Any]:
    parameters = _parameters(connection, enum)
    generated = any(row["generated"] for row in _rows(connection, enum))
    dependents = tuple((str(drop), str(make)) for drop, make in connection.execute(DEPENDENTS, parameters))
    fixed = generated or bool(connection.execute(FIXING, parameters).scalar())
    return {"columns": _columns(connection, enum), "dependents": dependents, "fixed": fixed}
