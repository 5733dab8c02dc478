"""typeorm/: entities of TypeORM, a file each, with relations in both directions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import cast

from seachange.sync._options import chosen
from seachange.sync._typescript import Casing, jsdoc, line_comment, literal
from seachange.sync._typescript_types import INTERVAL, union
from seachange.sync.model import Enum, Schema
from seachange.sync.target import Artefact, Request, Target, header
from seachange.sync.targets.typeorm._entity import entity
from seachange.sync.targets.typeorm._plan import Plan, plan
from seachange.sync.targets.typeorm._recorded import Recorded, recorded
from seachange.sync.targets.typeorm._text import Source
from seachange.sync.targets.typeorm._view import view

__all__ = ["TARGET", "describe"]

_DECORATOR = re.compile(r"^ *@(\w+)\(", re.MULTILINE)
_DECORATORS = frozenset(
    {"Check", "Column", "Entity", "Exclusion", "ForeignKey", "Index", "JoinColumn", "JoinTable", "ManyToMany", "ManyToOne"}
    | {"OneToMany", "OneToOne", "PrimaryColumn", "PrimaryGeneratedColumn", "Unique", "ViewColumn", "ViewEntity"}
)


def describe(schema: Schema, *, casing: Casing = "camel", extension: str = "", known: Recorded | None = None) -> dict[str, str]:
    """Return the files by their names.

    :param schema: the schema.
    :param casing: how columns are named.
    :param extension: end of the names in imports.
    :param known: what TypeORM has written down itself.
    """
    found = plan(schema, casing=casing, recorded=known or Recorded())
    head = "\n".join(line_comment("\n".join(header(schema, target="typeorm")))) + "\n"
    made = dict(_sources(found))
    files = {f"{name}.ts": f"{head}{_imports(source, extension)}\n{source.text}" for name, source in made.items()}
    files["index.ts"] = f"{head}{_index(sorted(made), extension)}"
    files["types.ts"] = f"{head}{_types(schema, found, interval=any('Interval' in one.types for one in made.values()))}"
    return files


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    casing = cast("Casing", chosen(request, "casing", ("camel", "preserve")))
    files = describe(schema, casing=casing, extension=chosen(request, "extension", ("", ".js", ".ts")), known=recorded(request))
    yield from (Artefact(name=name, text=files[name]) for name in sorted(files))


def _sources(found: Plan) -> Iterator[tuple[str, Source]]:
    schema = found.schema
    for table in schema.tables:
        if table.key in found.names.classes and table.key not in found.joins:
            yield found.names.classes[table.key], (entity if table.key in found.keys else view)(found, table)
    yield from ((found.names.classes[one.key], view(found, one)) for one in schema.views)


def _imports(source: Source, extension: str) -> str:
    decorators = sorted(_DECORATORS & set(_DECORATOR.findall(source.text)))
    lines = [_import([*decorators, *(["type Relation"] if source.classes or "Relation<" in source.text else [])], "typeorm")]
    lines += [_import([name], f"./{name}{extension}") for name in sorted(source.classes)]
    used = [*sorted(source.constants), *(f"type {name}" for name in sorted(source.types))]
    if used:
        lines.append(_import(used, f"./types{extension}"))
    return "\n".join([*lines, ""])


def _import(names: Iterable[str], module: str) -> str:
    return f"import {{ {', '.join(names)} }} from {literal(module)};"


def _index(names: Iterable[str], extension: str) -> str:
    names = list(names)
    lines = [_import([name], f"./{name}{extension}") for name in names]
    lines += ["", f"export {{ {', '.join(names)} }};" if names else "export {};", f'export * from "./types{extension}";']
    lines += ["", "/** All of them, for the option `entities` of a DataSource. */"]
    return "\n".join([*lines, "export const entities = [", *(f"  {name}," for name in names), "];", ""])


def _types(schema: Schema, found: Plan, *, interval: bool) -> str:
    blocks = [_enum(enum, found) for enum in schema.enums]
    if interval:
        blocks.insert(0, f"/** An interval as node-postgres delivers it. */\n{INTERVAL}")
    return "\n" + "\n".join(blocks or ["export {};\n"])


def _enum(enum: Enum, found: Plan) -> str:
    name, labels = found.names.enums[enum.key], found.names.labels[enum.key]
    lines = [*jsdoc(enum.comment), f"export type {name} = {union(enum)};"]
    values = ", ".join(map(literal, enum.labels))
    return "\n".join([*lines, f"export const {labels} = [{values}] as const satisfies readonly {name}[];", ""])


TARGET = Target(
    name="typeorm",
    summary="entities for TypeORM",
    path="typeorm/",
    emit=_emit,
    options={
        "casing": 'names of properties: "camel" or "preserve"',
        "extension": 'end of the names in imports: "" (by default), ".js" or ".ts", as your module system wants them',
    },
    client=True,
)
