"""Enums -> enums; a label that Prisma cannot name is shown in a comment."""

from __future__ import annotations

from seachange.sync.model import Enum
from seachange.sync.targets.prisma._context import Context
from seachange.sync.targets.prisma._docs import added
from seachange.sync.targets.prisma._fields import named
from seachange.sync.targets.prisma._language import Block, Field
from seachange.sync.targets.prisma._names import quoted

__all__ = ["enum"]

_COMMENTED = (
    "This enum is commented in the database, and requires an additional setup for migrations: Read more:"
    " https://pris.ly/d/database-comments"
)


def enum(one: Enum, context: Context) -> Block:
    """Return the enum of an enum.

    :param one: the enum.
    :param context: what else is known.
    """
    block = context.names.enum_blocks.get(one.key)
    known = {field.mapped: field for field in block.fields} if block else {}
    name = context.names.enums[one.key]
    attributes = []
    if name != one.name or (block and block.attribute("map")):
        attributes.append(named("map", quoted(one.name)))
    if context.namespaces:
        attributes.append(named("schema", quoted(one.schema)))
    labels = context.names.labels[one.key]
    return Block(
        kind="enum",
        name=name,
        fields=tuple(_value(label, labels[label], known.get(label)) for label in one.labels),
        attributes=tuple(attributes),
        comments=added(block.comments if block else (), [_COMMENTED] if one.comment and block is None else []),
        closing=block.closing if block else (),
    )


def _value(label: str, name: str, present: Field | None) -> Field:
    mapped = name != label or (present is not None and present.attribute("map") is not None)
    return Field(
        name=name or label,
        attributes=(named("map", quoted(label)),) if mapped else (),
        comments=present.comments if present else (),
        trailing=present.trailing if present else "",
        hidden=not name,
    )
