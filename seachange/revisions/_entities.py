"""Views, functions, triggers and policies that a team declares through alembic-utils, compared on a throwaway database only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from seachange.revisions._phases import Pair, Phase

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection, MetaData, NestedTransaction

__all__ = ["Entities", "entity_of", "without_entities"]

_MODULE = "alembic_utils.replaceable_entity"

# What has to go before what it stands on, by the names of alembic-utils' classes.
_GOING = ("PGPolicy", "PGTrigger", "PGGrantTable", "PGMaterializedView", "PGView", "PGFunction", "PGExtension")
_VIEWS = ("PGMaterializedView", "PGView")
_STANDING = ("PGPolicy", "PGTrigger", *_VIEWS)

_NUMBER = "select coalesce(max(oid::bigint), 0) from pg_catalog.pg_class where oid = to_regclass(:name)"


def entity_of(operation: Any) -> Any:
    """Return what an operation of alembic-utils is about, or None for any other operation."""
    return getattr(operation, "target", None) if type(operation).__module__ == "alembic_utils.reversible_op" else None


class Entities:
    """What the team has registered; alembic-utils drops and creates it to learn how PostgreSQL reads it."""

    def __init__(self, library: Any) -> None:
        registry = library.registry
        self._library = library
        self._known = (registry.entities(), list(registry.schemas), set(registry.exclude_schemas), set(registry.entity_types))

    def put_back(self) -> None:
        """Register everything as it was."""
        entities, schemas, excluded, types = self._known
        self._library.registry.register(entities, schemas, excluded, types)

    def compare(self, context: MigrationContext, metadata: MetaData, *, apply: Callable[[], None]) -> Iterator[tuple[int, Pair]]:
        """Return the operations of alembic-utils with their phases, as they are once the tables are what the models say.

        :param context: on a throwaway database.
        :param metadata: the models.
        :param apply: makes the tables what the models say.
        """
        connection: Any = context.connection
        entities = self._known[0]
        if not entities:
            return
        dropped = _blocking(connection, entities, apply)
        savepoint = connection.begin_nested()
        self.put_back()
        try:
            _drop(connection, dropped)
            _succeeds(connection, apply)
            found = _operations(context, metadata, self._library)
        finally:
            self._library.registry.clear()
            _roll_back(connection, savepoint)
        yield from _placed(connection, found, dropped)


@contextlib.contextmanager
def without_entities() -> Iterator[Entities | None]:
    """Keep alembic-utils from comparing on its own: it drops and creates what it compares, on whatever database it is.

    :returns: what is registered, if env.py uses alembic-utils.
    """
    library = sys.modules.get(_MODULE)
    if library is None:
        yield None
        return
    entities = Entities(library)
    library.registry.clear()
    try:
        yield entities
    finally:
        entities.put_back()


def _placed(connection: Connection, found: list[Any], dropped: Iterable[Any]) -> Iterator[tuple[int, Pair]]:
    from alembic_utils.reversible_op import DropOp

    gone = [operation for operation in found if isinstance(operation, DropOp)]
    gone += [DropOp(entity) for entity in dropped]
    operation: Any
    for operation in sorted(gone, key=lambda each: _going(connection, each.target)):
        yield Phase.ENTITIES_GO, (operation, operation.reverse())
    for operation in found:
        if operation not in gone:
            early = type(operation.target).__name__ == "PGExtension"
            yield (Phase.TYPES if early else Phase.ENTITIES_COME), (operation, operation.reverse())


def _roll_back(connection: Connection, savepoint: NestedTransaction) -> None:
    # alembic-utils leaves savepoints of its own open.
    while (inner := connection.get_nested_transaction()) is not None and inner is not savepoint:
        inner.rollback()
    savepoint.rollback()


def _operations(context: MigrationContext, metadata: MetaData, library: Any) -> list[Any]:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import UpgradeOps

    autogenerate: AutogenContext = AutogenContext(context, metadata=metadata)
    autogenerate.opts.setdefault("include_schemas", False)
    schemas = {table.schema for table in metadata.tables.values()} | {context.dialect.default_schema_name}
    found = UpgradeOps([])
    library.compare_registered_entities(autogenerate, found, sorted(filter(None, schemas)))
    return list(found.ops)


def _succeeds(connection: Connection, change: Callable[[], None]) -> bool:
    from sqlalchemy.exc import DBAPIError

    try:
        with connection.begin_nested():
            change()
    except DBAPIError:
        return False
    return True


def _blocking(connection: Connection, entities: Iterable[Any], apply: Callable[[], None]) -> list[Any]:
    """Return the registered views, triggers and policies as they are that stand in the way of what happens to the tables."""
    if _stands(connection, (), apply):
        return []
    needed = _existing(connection, tuple(entities))
    if not _stands(connection, needed, apply):
        return []
    for view in tuple(needed):
        fewer = [each for each in needed if each is not view]
        if _stands(connection, fewer, apply):
            needed = fewer
    return needed


def _stands(connection: Connection, dropped: Iterable[Any], apply: Callable[[], None]) -> bool:
    """Whether the tables can change once some of what stands on them is gone."""

    def change() -> None:
        _drop(connection, dropped)
        apply()

    savepoint = connection.begin_nested()
    try:
        return _succeeds(connection, change)
    finally:
        savepoint.rollback()


def _existing(connection: Connection, entities: tuple[Any, ...]) -> list[Any]:
    from sqlalchemy.orm import Session

    registered = {entity.identity: type(entity) for entity in entities if type(entity).__name__ in _STANDING}
    schemas = sorted({entity.schema for entity in entities})
    session = Session(bind=connection)
    found = [
        entity
        for kind in sorted(set(registered.values()), key=lambda each: each.__name__)
        for schema in schemas
        for entity in kind.from_database(session, schema)
        if entity.identity in registered
    ]
    return sorted(found, key=lambda entity: _going(connection, entity))


def _drop(connection: Connection, entities: Iterable[Any]) -> None:
    for entity in entities:
        connection.execute(entity.to_sql_statement_drop())


def _going(connection: Connection, entity: Any) -> tuple[int, int, str]:
    from sqlalchemy import text

    name = type(entity).__name__
    rank = _GOING.index(name) if name in _GOING else len(_GOING)
    # A view can only stand on what was there before it.
    age = connection.scalar(text(_NUMBER), {"name": f'"{entity.schema}"."{entity.signature}"'}) if name in _VIEWS else 0
    return (rank, -int(age or 0), str(entity.identity))
