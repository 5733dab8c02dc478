"""Relations -> fields on both sides, with the names that people gave them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from seachange.sync.model import Action, Table
from seachange.sync.targets.prisma._context import Context
from seachange.sync.targets.prisma._language import Attribute, Block, Field, Suffix
from seachange.sync.targets.prisma._names import constraint_name, quoted, unique
from seachange.sync.targets.prisma._relations import Inline, Joined

__all__ = ["relation_fields"]

_ACTIONS: Mapping[Action, str] = {
    "no action": "NoAction",
    "restrict": "Restrict",
    "cascade": "Cascade",
    "set null": "SetNull",
    "set default": "SetDefault",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Known:
    """The two fields of a relation in the present file."""

    forward: Field
    back: Field

    @property
    def name(self) -> str:
        attribute = self.forward.attribute("relation")
        return (attribute.text("", "name") if attribute else "") or ""


def relation_fields(table: Table, context: Context, taken: set[str]) -> Iterator[Field]:
    """Yield the relation fields of a model.

    :param table: the table.
    :param context: what else is known.
    :param taken: names of the other fields, to which those of these are added.
    """
    for one, forward in context.inline.get(table.key, ()):
        yield _inline(one, context, taken, forward=forward)
    for joined, first in context.joined.get(table.key, ()):
        yield _joined(joined, context, taken, first=first)
    block = context.names.model_blocks.get(table.key)
    # The database has no foreign keys of views; a relation with one is of whoever wrote it.
    shown = {context.names.models[view.key] for view in context.shown_views}
    for field in context.present.relations(block) if block else ():
        if field.type in shown:
            taken.add(field.name)
            yield field


def _free(names: tuple[str, ...], taken: set[str]) -> str:
    name = next((name for name in names if name and name not in taken), "") or unique(names[-1], taken)
    taken.add(name)
    return name


def _inline(one: Inline, context: Context, taken: set[str], *, forward: bool) -> Field:
    known = _known_inline(one, context)
    name = known.name if known else one.name
    present = (known.forward if forward else known.back) if known else None
    models = context.names.models
    if present is None:
        usual, other = (one.forward, models[one.target.key]) if forward else (one.back, models[one.table.key])
        both = f"{models[one.table.key]}To{models[one.target.key]}"
        field_name = _free((usual, other, f"{other}_{both}"), taken)
    else:
        field_name = present.name
        taken.add(field_name)
    attributes = []
    if forward:
        attributes.append(_relation(one, name, context))
    elif name:
        attributes.append(Attribute(name="relation", arguments=(("", quoted(name)),)))
    if _ignored(one, context, forward=forward):
        attributes.append(Attribute(name="ignore"))
    return Field(
        name=field_name,
        type=models[one.target.key if forward else one.table.key],
        suffix=_suffix(one, context, forward=forward),
        attributes=tuple(attributes),
        comments=present.comments if present else (),
        trailing=present.trailing if present else "",
    )


def _suffix(one: Inline, context: Context, *, forward: bool) -> Suffix:
    if forward:
        required = all(context.is_required(one.table.by_name[column]) for column in one.foreign_key.columns)
        return "" if required else "?"
    columns = set(one.foreign_key.columns)
    single = any(index.unique and set(index.columns) <= columns for index in context.indexes(one.table))
    return "?" if single else "[]"


def _relation(one: Inline, name: str, context: Context) -> Attribute:
    key, fields = one.foreign_key, context.names.fields
    own, other = fields[one.table.key], fields[one.target.key]
    required = any(context.is_required(one.table.by_name[column]) for column in key.columns)
    arguments = [("", quoted(name))] if name else []
    arguments.append(("fields", f"[{', '.join(own[column] for column in key.columns)}]"))
    arguments.append(("references", f"[{', '.join(other[column] for column in key.references_columns)}]"))
    if key.on_delete != ("restrict" if required else "set null"):
        arguments.append(("onDelete", _ACTIONS[key.on_delete]))
    if key.on_update != "cascade":
        arguments.append(("onUpdate", _ACTIONS[key.on_update]))
    if key.name != constraint_name(one.table.name, key.columns, "fkey"):
        arguments.append(("map", quoted(key.name)))
    return Attribute(name="relation", arguments=tuple(arguments))


def _ignored(one: Inline, context: Context, *, forward: bool) -> bool:
    own, other = (one.table, one.target) if forward else (one.target, one.table)
    if context.is_ignored(own):
        return False
    return context.is_ignored(other)


def _known_inline(one: Inline, context: Context) -> _Known | None:
    blocks, present = context.names.model_blocks, context.present
    block, target = blocks.get(one.table.key), blocks.get(one.target.key)
    if block is None or target is None:
        return None
    for field in present.relations(block):
        attribute = field.attribute("relation")
        columns = attribute.names("fields") if attribute else ()
        if field.type == target.name and present.database_names(block, columns) == one.foreign_key.columns:
            back = _back(field, block, target)
            return _Known(forward=field, back=back) if back else None
    return None


def _back(forward: Field, block: Block, target: Block) -> Field | None:
    for field in target.fields:
        attribute = field.attribute("relation")
        if field.type == block.name and field != forward and not (attribute and attribute.argument("fields")):
            name = attribute.text("", "name") if attribute else None
            other = forward.attribute("relation")
            if (name or "") == ((other.text("", "name") if other else "") or ""):
                return field
    return None


def _joined(one: Joined, context: Context, taken: set[str], *, first: bool) -> Field:
    models = context.names.models
    own, other = (one.first, one.second) if first else (one.second, one.first)
    known = _known_joined(one, context)
    present = (known.forward if first else known.back) if known else None
    name = one.first_field if first else one.second_field
    name = present.name if present else _free((name, f"{name}{one.table.name}"), taken)
    taken.add(name)
    # Prisma finds the table by the name of the relation: it has to be told unless it is that of the two models.
    usual = "To".join(sorted((models[own], models[other])))
    told = one.name or (one.table.name[1:] if usual != one.table.name[1:] else "")
    attributes = (Attribute(name="relation", arguments=(("", quoted(told)),)),) if told else ()
    return Field(
        name=name,
        type=models[other],
        suffix="[]",
        attributes=attributes,
        comments=present.comments if present else (),
        trailing=present.trailing if present else "",
    )


def _known_joined(one: Joined, context: Context) -> _Known | None:
    blocks = context.names.model_blocks
    first, second = blocks.get(one.first), blocks.get(one.second)
    if first is None or second is None:
        return None
    wanted = one.table.name[1:]

    def sides(block: Block, other: Block) -> list[Field]:
        usual = "To".join(sorted((block.name, other.name)))
        return [
            field
            for field in block.fields
            if field.type == other.name and field.suffix == "[]" and _relation_name(field, usual) == wanted
        ]

    if first is second:
        found = sorted(sides(first, first), key=lambda field: field.name)
        return _Known(forward=found[0], back=found[1]) if len(found) == 2 else None
    one_side, other_side = sides(first, second), sides(second, first)
    return _Known(forward=one_side[0], back=other_side[0]) if one_side and other_side else None


def _relation_name(field: Field, usual: str) -> str:
    attribute = field.attribute("relation")
    return (attribute.text("", "name") if attribute else None) or usual
