"""The names of models, views, enums, fields and values: those of the present file, else what Prisma makes of the database's."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from seachange.sync.model import Enum, Table, View
from seachange.sync.targets.prisma._language import Block
from seachange.sync.targets.prisma._names import RESERVED, SCALARS, identifier, is_identifier, unique
from seachange.sync.targets.prisma._present import Key, Present

__all__ = ["Names", "name_all"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Names:
    """Names in Prisma's language by those of the database, with the blocks that the file has already.

    A field or value has an empty name when nothing of its name can be kept. ``relations`` is what relations call the models:
    the same but for the schema that is put before a name that two have.
    """

    models: Mapping[Key, str]
    relations: Mapping[Key, str]
    enums: Mapping[Key, str]
    fields: Mapping[Key, Mapping[str, str]]
    labels: Mapping[Key, Mapping[str, str]]
    model_blocks: Mapping[Key, Block]
    enum_blocks: Mapping[Key, Block]


def name_all(tables: Sequence[Table], views: Sequence[View], enums: Sequence[Enum], *, present: Present) -> Names:
    """Return the names of everything that is shown.

    :param tables: the tables that become models.
    :param views: the views that become views.
    :param enums: the enums.
    :param present: the present file.
    """
    shown: tuple[Table | View, ...] = (*tables, *views)
    model_blocks = {
        **present.matched("model", (one.key for one in tables)),
        **present.matched("view", (one.key for one in views)),
    }
    enum_blocks = present.matched("enum", (one.key for one in enums))
    models, of_enums = _top(
        [one.key for one in shown], [one.key for one in enums], model_blocks=model_blocks, enum_blocks=enum_blocks
    )
    fields = {one.key: _fields(one, model_blocks.get(one.key), present) for one in shown}
    labels = {one.key: _labels(one, enum_blocks.get(one.key)) for one in enums}
    relations = {key: model_blocks[key].name if key in model_blocks else _alone(key) for key in models}
    return Names(
        models=models,
        relations=relations,
        enums=of_enums,
        fields=fields,
        labels=labels,
        model_blocks=model_blocks,
        enum_blocks=enum_blocks,
    )


def _top(
    models: Sequence[Key], enums: Sequence[Key], *, model_blocks: Mapping[Key, Block], enum_blocks: Mapping[Key, Block]
) -> tuple[Mapping[Key, str], Mapping[Key, str]]:
    given = [model_blocks[key].name if key in model_blocks else identifier(key[1]) for key in models]
    given += [enum_blocks[key].name if key in enum_blocks else identifier(key[1]) for key in enums]
    counts = Counter(given)
    taken = {block.name for block in (*model_blocks.values(), *enum_blocks.values())} | SCALARS

    def name(key: Key, blocks: Mapping[Key, Block]) -> str:
        if key in blocks:
            return blocks[key].name
        found = unique(_model_name(key, counts), taken)
        taken.add(found)
        return found

    return {key: name(key, model_blocks) for key in models}, {key: name(key, enum_blocks) for key in enums}


def _model_name(key: Key, counts: Mapping[str, int]) -> str:
    schema, name = key
    plain = identifier(name)
    if counts.get(plain, 0) > 1 or not plain:
        return identifier(f"{schema}_{name}") or "unnamed"
    return _alone(key)


def _alone(key: Key) -> str:
    _, name = key
    return f"Renamed{name}" if name in RESERVED or name in SCALARS else identifier(name)


def _fields(relation: Table | View, block: Block | None, present: Present) -> Mapping[str, str]:
    known = present.columns(block) if block else {}
    return _distinct([column.name for column in relation.columns], {name: field.name for name, field in known.items()})


def _labels(enum: Enum, block: Block | None) -> Mapping[str, str]:
    known = {field.mapped: field.name for field in block.fields} if block else {}
    if "" in enum.labels:
        known.setdefault("", "EMPTY_ENUM_VALUE")
    found = _distinct(enum.labels, known)
    if found and not any(found.values()):
        # Prisma takes no enum without a value that it can name.
        found = _distinct(enum.labels, {label: f"value_{place}" for place, label in enumerate(enum.labels, 1)})
    return found


def _distinct(originals: Iterable[str], known: Mapping[str, str]) -> Mapping[str, str]:
    originals = tuple(originals)
    found = {name: known[name] for name in originals if name in known}
    taken = set(found.values())
    # Whoever has a proper name keeps it, whatever is made of the others.
    for name in originals:
        if name not in found and is_identifier(name) and name not in taken:
            found[name] = name
            taken.add(name)
    for name in originals:
        if name not in found:
            plain = identifier(name)
            found[name] = unique(plain, taken) if plain else ""
            taken.add(found[name])
    return found
