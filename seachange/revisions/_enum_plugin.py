"""Operations of alembic-postgresql-enum, where env.py imports it: what they change, in our own words."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seachange.revisions._enum_operations import enum_operations
from seachange.revisions._enums import EnumChange, EnumType

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from seachange.revisions._phases import Pair

__all__ = ["plugin_change", "safer", "uses_plugin"]

_PLUGIN = "alembic_postgresql_enum"


def uses_plugin() -> bool:
    """Whether env.py, or what it imports, has handed enum types to alembic-postgresql-enum."""
    return _PLUGIN in sys.modules


def plugin_change(operation: Any) -> EnumChange | None:
    """Return what an operation of the plugin changes, or None for any other operation."""
    if not type(operation).__module__.startswith(_PLUGIN) or not hasattr(operation, "name"):
        return None
    if hasattr(operation, "new_values"):
        return EnumChange(old=_type(operation, operation.old_values), new=_type(operation, operation.new_values))
    enum = _type(operation, operation.enum_values)
    created = type(operation).__name__ == "CreateEnumOp"
    return EnumChange(old=None if created else enum, new=enum if created else None)


def safer(placed: Iterable[tuple[int, Pair]], changes: Iterable[EnumChange], connection: Connection) -> list[tuple[int, Pair]]:
    """Return the operations, those of the plugin replaced by ours where the plugin's do not lead to what the models say.

    The plugin makes a type anew with operators of its own, which a check or an index with a label in it holds on to; and
    ``op.add_enum_value`` of 1.11 with ``before_value`` runs ``ADD VALUE ... AFTER``.

    :param placed: operations with their phases.
    :param changes: what we know of the same types.
    :param connection: where the types are.
    """
    known = {str(change.new): change for change in changes if change.old and change.new}
    found = []
    for phase, (there, back) in placed:
        theirs = plugin_change(there) if there is not None else None
        ours = known.get(str(theirs.new)) if theirs and theirs.old and theirs.new else None
        appended = ours is not None and _is_appended(ours)
        if ours is None or (appended and not ours.dependents and not ours.fixed):
            found.append((phase, (there, back)))
            continue
        own, own_back = enum_operations(connection, ours)
        found.append((phase, (there if appended else own, own_back)))
    return found


def _is_appended(change: EnumChange) -> bool:
    old, new = (enum.labels if enum else () for enum in (change.old, change.new))
    return new[: len(old)] == old


def _type(operation: Any, labels: Any) -> EnumType:
    schema = "" if operation.schema == "public" else str(operation.schema)
    return EnumType(schema=schema, name=str(operation.name), labels=tuple(labels))
