"""Tables and views -> models and views."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from seachange.sync.model import Table, View
from seachange.sync.targets.prisma._context import Context
from seachange.sync.targets.prisma._docs import added, database_comments, renamed, sentences
from seachange.sync.targets.prisma._fields import named, scalar_fields
from seachange.sync.targets.prisma._indexes import AnyIndex, index_type, part_text
from seachange.sync.targets.prisma._language import Attribute, Block, Field
from seachange.sync.targets.prisma._names import RESERVED, constraint_name, quoted
from seachange.sync.targets.prisma._relation_fields import relation_fields

__all__ = ["model", "view"]


def model(table: Table, context: Context) -> Block:
    """Return the model of a table.

    :param table: the table.
    :param context: what else is known.
    """
    block = context.names.model_blocks.get(table.key)
    fields = scalar_fields(table, context)
    taken = {field.name for field in fields if not field.hidden}
    fields += relation_fields(table, context, taken)
    attributes = [*_indexes(table, block, context), *_told(table, context, block, ignored=_is_ignored(table, context))]
    fields, attributes = _hidden_last(fields, attributes)
    return Block(
        kind="model",
        name=context.names.models[table.key],
        fields=tuple(fields),
        attributes=tuple(attributes),
        comments=added(block.comments if block else (), _docs(table, context, block)),
        closing=block.closing if block else (),
        hidden=not table.columns,
    )


def _is_ignored(table: Table, context: Context) -> bool:
    return bool(table.columns) and context.is_ignored(table)


def _docs(table: Table, context: Context, block: Block | None) -> tuple[str, ...]:
    fresh = block is None
    indexes = context.all_indexes(table)
    unidentified = not context.is_identified(table) and not (block and block.ignored)
    facts = {
        "partitioned": fresh and table.kind == "partitioned table" and table.key in context.schema.partitions,
        "inherited": fresh and table.kind == "table" and table.qualified in context.parents,
        "checks": fresh and bool(table.checks),
        "exclusions": fresh and bool(table.exclusions),
        "empty": not table.columns,
        "unidentified": bool(table.columns) and unidentified,
        "commented": fresh and _is_commented(table),
        "deferred": fresh and _is_deferred(table, context, indexes),
        "secured": fresh and table.row_security,
        "odd_nulls": fresh and any(one.odd_nulls for one in context.indexes(table)),
        "expressions": any(one.expression for one in indexes),
    }
    name = context.names.models[table.key]
    reserved = fresh and table.name in RESERVED
    return (*([renamed("model", to=name, original=table.name)] if reserved else []), *sentences(facts))


def _is_commented(relation: Table | View) -> bool:
    return bool(relation.comment) or any(column.comment for column in relation.columns)


def _is_deferred(table: Table, context: Context, indexes: Sequence[AnyIndex]) -> bool:
    forward = [one.foreign_key for one, is_forward in context.inline.get(table.key, ()) if is_forward]
    return any(one.deferrable for one in indexes) or any(one.deferrable for one in forward)


def _told(relation: Table | View, context: Context, block: Block | None, *, ignored: bool) -> list[Attribute]:
    found = []
    name = context.names.models[relation.key]
    if name != relation.name or (block and block.attribute("map")):
        found.append(named("map", quoted(relation.name)))
    if ignored:
        found.append(Attribute(name="ignore"))
    if context.namespaces:
        found.append(named("schema", quoted(relation.schema)))
    return [_with_comments(one, block.attribute(one.name) if block else None) for one in found]


def _with_comments(one: Attribute, present: Attribute | None) -> Attribute:
    if present is None:
        return one
    return dataclasses.replace(one, comments=present.comments, trailing=present.trailing)


def _indexes(table: Table, block: Block | None, context: Context) -> list[Attribute]:
    shown = [one for one in context.indexes(table) if len(one.columns) > 1 or not one.unique]
    known = _known_indexes(table, block, context) if block else {}
    places = {name: place for place, name in enumerate(known)}
    shown.sort(key=lambda one: (not one.primary, places.get(_known_name(one), len(places))))
    return [_index(table, one, known=known.get(_known_name(one)), context=context) for one in shown]


def _known_name(one: AnyIndex) -> str:
    return "id" if one.primary else f"index {one.name}"


def _known_indexes(table: Table, block: Block, context: Context) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for one in block.attributes:
        if one.name == "id":
            found["id"] = one
        elif one.name in ("unique", "index"):
            columns = context.present.database_names(block, one.names("", "fields"))
            usual = constraint_name(table.name, columns, "key" if one.name == "unique" else "idx")
            found.setdefault(f"index {one.text('map') or usual}", one)
            # Before Prisma 3 the name was that of the database.
            if one.text("name") and not one.text("map"):
                found.setdefault(f"index {one.text('name')}", one)
    return found


def _index(table: Table, one: AnyIndex, *, known: Attribute | None, context: Context) -> Attribute:
    fields = context.names.fields[table.key]
    parts = {part.column: part_text(part, fields[part.column], index=one) for part in reversed(one.parts)}
    arguments = [("", f"[{', '.join(parts[column] for column in dict.fromkeys(one.columns))}]")]
    if known and known.argument("name"):
        arguments.append(("name", known.argument("name")))
    usual = constraint_name(
        table.name, () if one.primary else one.columns, "pkey" if one.primary else "key" if one.unique else "idx"
    )
    if one.name != usual:
        arguments.append(("map", quoted(one.name)))
    if index_type(one):
        arguments.append(("type", index_type(one)))
    if one.predicate:
        arguments.append(("where", f"raw({quoted(one.predicate)})"))
    name = "id" if one.primary else "unique" if one.unique else "index"
    return _with_comments(Attribute(name=name, arguments=tuple(arguments)), known)


def _hidden_last(fields: list[Field], attributes: list[Attribute]) -> tuple[list[Field], list[Attribute]]:
    # Prisma's formatter takes comments at the end of the fields for those of the attribute that follows.
    last: list[str] = []
    while fields and fields[-1].hidden and attributes:
        field = fields.pop()
        text = " ".join([field.name, f"{field.type}{field.suffix}", *(f"@{one}" for one in field.attributes)])
        last[:0] = [*field.comments, f"// {text}"]
    if last:
        attributes[0] = dataclasses.replace(attributes[0], comments=(*attributes[0].comments, *last))
    return fields, attributes


def view(relation: View, context: Context) -> Block:
    """Return the view of a view, with the keys and relations that people wrote into it, which the database does not know.

    :param relation: the view.
    :param context: what else is known.
    """
    block = context.names.model_blocks.get(relation.key)
    fields = scalar_fields(relation, context)
    attributes: list[Attribute] = []
    if block:
        models = set(context.names.models.values())
        fields += [field for field in context.present.relations(block) if field.type in models]
        attributes += [one for one in block.attributes if one.name in ("id", "unique", "index")]
    attributes += _told(relation, context, block, ignored=bool(block and block.ignored))
    fields, attributes = _hidden_last(fields, attributes)
    docs = []
    name = context.names.models[relation.key]
    if block is None and relation.name in RESERVED:
        docs.append(renamed("view", to=name, original=relation.name))
    if block is None and _is_commented(relation):
        docs.append(database_comments("view"))
    return Block(
        kind="view",
        name=name,
        fields=tuple(fields),
        attributes=tuple(attributes),
        comments=added(block.comments if block else (), docs),
        closing=block.closing if block else (),
    )
