"""Columns -> scalar fields with their attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seachange.sync.model import Column, Table, View
from seachange.sync.targets.prisma._context import Context
from seachange.sync.targets.prisma._defaults import default_value
from seachange.sync.targets.prisma._docs import HIDDEN_FIELD
from seachange.sync.targets.prisma._indexes import AnyIndex
from seachange.sync.targets.prisma._language import Attribute, Field, Suffix
from seachange.sync.targets.prisma._names import constraint_name, quoted

__all__ = ["named", "scalar_fields"]

# Defaults that the client makes, which the database does not know.
_OF_CLIENT = ("uuid(", "cuid(", "nanoid(", "ulid(")


def named(name: str, *arguments: str) -> Attribute:
    """Return an attribute.

    :param name: its name.
    :param arguments: without names of their own.
    """
    return Attribute(name=name, arguments=tuple(("", argument) for argument in arguments))


def scalar_fields(relation: Table | View, context: Context) -> list[Field]:
    """Return the fields of all columns.

    :param relation: the table or view.
    :param context: what else is known.
    """
    block = context.names.model_blocks.get(relation.key)
    known = context.present.columns(block) if block else {}
    keys = _keys(relation, context) if isinstance(relation, Table) else {}
    return [
        _field(relation, column, present=known.get(column.name), keys=keys.get(column.name, ()), context=context)
        for column in relation.columns
    ]


def _keys(table: Table, context: Context) -> Mapping[str, Sequence[Attribute]]:
    # Of several unique indexes of one column Prisma tells the first.
    found: dict[str, list[Attribute]] = {}
    names: set[tuple[str, bool]] = set()
    for one in context.indexes(table):
        if one.unique and len(one.columns) == 1 and (one.columns[0], one.primary) not in names:
            names.add((one.columns[0], one.primary))
            found.setdefault(one.columns[0], []).append(_key(table, one))
    return found


def _key(table: Table, one: AnyIndex) -> Attribute:
    usual = constraint_name(table.name, () if one.primary else one.columns, "pkey" if one.primary else "key")
    arguments = [("map", quoted(one.name))] if one.name != usual else []
    if one.parts[0].descending:
        arguments.append(("sort", "Desc"))
    if one.predicate:
        arguments.append(("where", f"raw({quoted(one.predicate)})"))
    return Attribute(name="id" if one.primary else "unique", arguments=tuple(arguments))


def _field(
    relation: Table | View, column: Column, *, present: Field | None, keys: Sequence[Attribute], context: Context
) -> Field:
    kind = context.type(column)
    name = context.names.fields[relation.key][column.name]
    labels = context.names.labels.get(kind.enum, {}) if kind.enum else {}
    default = default_value(column, kind, labels)
    attributes = list(keys)
    if default:
        attributes.append(named("default", default))
    if name != column.name or (present and present.attribute("map")):
        attributes.append(named("map", quoted(column.name)))
    if kind.native:
        attributes.append(Attribute(name=f"{context.prefix}.{kind.native}"))
    suffix: Suffix = "[]" if kind.array else "" if context.is_required(column) else "?"
    if present is not None:
        client = kind.family in ("String", "Uuid") and not default
        attributes += _of_user(present, view=isinstance(relation, View), client=client)
        if isinstance(relation, View) and suffix == "?":
            suffix = present.suffix
    comments = present.comments if present else ()
    return Field(
        name=name or column.name,
        type=kind.name,
        suffix=suffix,
        attributes=tuple(attributes),
        comments=comments if name else (f"/// {HIDDEN_FIELD}",),
        trailing=present.trailing if present else "",
        hidden=not name,
    )


def _of_user(present: Field, *, view: bool, client: bool) -> list[Attribute]:
    kept = ("updatedAt", "ignore", "id", "unique") if view else ("updatedAt", "ignore")
    found = [one for one in present.attributes if one.name in kept]
    if client:
        found += [one for one in present.attributes if one.name == "default" and one.argument("").startswith(_OF_CLIENT)]
    return found
