"""The schema and the present file -> the new file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from seachange.sync.model import Schema
from seachange.sync.targets.prisma._context import Context
from seachange.sync.targets.prisma._enums import enum
from seachange.sync.targets.prisma._language import Block, Item, Verbatim
from seachange.sync.targets.prisma._models import model, view
from seachange.sync.targets.prisma._names import quoted
from seachange.sync.targets.prisma._present import Present

__all__ = ["build"]

_GENERATOR = """generator client {
  provider = "prisma-client"
  output   = "../generated/prisma"
}"""
_LIST = re.compile(r"^(\s*(?:schemas|previewFeatures)\s*=\s*)\[([^\]]*)\]", re.MULTILINE)
_HEADER = re.compile(r"// (?:Written by Seachange from the database; |revision: |catalogue: )")
_NAME = re.compile(r"^datasource\s+(\S+)")
_PARTIAL, _VIEWS = "partialIndexes", "views"


def build(schema: Schema, present: Present, header: Sequence[str]) -> list[Item]:
    """Return what the file is to hold: the blocks that are there in their places, new ones behind those of their kind.

    :param schema: the schema.
    :param present: what the file holds.
    :param header: the lines that say where it comes from.
    """
    blocks = {kind: [one for one in present.blocks if one.kind == kind] for kind in ("datasource", "generator")}
    views = present.has_views if blocks["generator"] else any(one.kind == "view" for one in schema.views)
    source = blocks["datasource"][0] if blocks["datasource"] else None
    used = sorted({one.schema for one in (*schema.tables, *schema.views, *schema.enums)}) or ["public"]
    namespaces = source is None or used != ["public"] or "schemas" in source.source
    prefix = _NAME.match(source.source.strip()) if source else None
    context = Context(schema=schema, present=present, views=views, namespaces=namespaces, prefix=prefix[1] if prefix else "db")
    made = _made(context)
    partial = any("where: raw(" in str(one) for block in made for one in _attributes(block))
    settings = _settings(
        present, used if namespaces else [], [_PARTIAL] * partial + [_VIEWS] * (views and not blocks["generator"])
    )
    return [Verbatim(text="\n".join(f"// {line}" for line in header)), *_placed(context, made, settings)]


def _attributes(block: Block) -> Iterable[object]:
    yield from block.attributes
    for field in block.fields:
        yield from field.attributes


def _made(context: Context) -> list[Block]:
    made = [model(table, context) for table in context.tables]
    made += [view(one, context) for one in context.shown_views]
    return made + [enum(one, context) for one in context.schema.enums]


def _settings(present: Present, schemas: Sequence[str], features: Sequence[str]) -> list[Block]:
    # The blocks of the file stay as they are but for the lists of schemas and preview features.
    found = []
    generators = [one for one in present.blocks if one.kind == "generator"]
    if not generators:
        found.append(Block(kind="generator", name="client", source=_with_list(_GENERATOR, "previewFeatures", features)))
    first = True
    for one in present.blocks:
        if one.kind == "generator":
            wanted = features if first else []
            first = False
            present_features = _listed(one.source, "previewFeatures")
            missing = [name for name in wanted if name not in present_features]
            source = _with_list(one.source, "previewFeatures", [*present_features, *missing]) if missing else one.source
            found.append(dataclasses.replace(one, source=source))
        elif one.kind == "datasource":
            listed = _listed(one.source, "schemas")
            kept = [name for name in listed if name in schemas]
            wanted = [*kept, *(name for name in schemas if name not in kept)]
            found.append(dataclasses.replace(one, source=_with_list(one.source, "schemas", wanted)))
    if not any(one.kind == "datasource" for one in present.blocks):
        source = _with_list('datasource db {\n  provider = "postgresql"\n}', "schemas", schemas)
        found.append(Block(kind="datasource", name="db", source=source))
    return found


def _listed(source: str, key: str) -> list[str]:
    for found in _LIST.finditer(source):
        if found[1].split("=")[0].strip() == key:
            return [name.replace('\\"', '"').replace("\\\\", "\\") for name in re.findall(r'"((?:\\.|[^"\\])*)"', found[2])]
    return []


def _with_list(source: str, key: str, names: Sequence[str]) -> str:
    if not names or _listed(source, key) == list(names):
        return source
    text = f"[{', '.join(map(quoted, names))}]"
    for found in _LIST.finditer(source):
        if found[1].split("=")[0].strip() == key:
            return source[: found.start()] + found[1] + text + source[found.end() :]
    lines = source.split("\n")
    rows = [re.match(r"(\s*)(\w+)(\s*)=", line) for line in lines]
    width = max([len(key), *(len(row[2]) for row in rows if row)])
    lines = [f"  {row[2]:<{width}} ={line[row.end() :]}" if row else line for line, row in zip(lines, rows, strict=True)]
    last = max((place for place, row in enumerate(rows) if row), default=0)
    lines.insert(last + 1, f"  {key:<{width}} = {text}")
    return "\n".join(lines)


def _placed(context: Context, made: Sequence[Block], settings: Sequence[Block]) -> list[Item]:
    names = context.names
    known = {block.line: key for key, block in (*names.model_blocks.items(), *names.enum_blocks.items())}
    fresh = {_identity(block): block for block in made}
    by_line = {block.line: block for block in settings if block.line}
    found: list[Item] = [one for one in settings if not one.line]
    for item in context.present.items:
        if isinstance(item, Verbatim):
            text = "\n".join(line for line in item.text.split("\n") if not _HEADER.match(line))
            found += [Verbatim(text=text)] if text else []
        elif item.hidden:
            same = fresh.pop(_identity(item), None)
            found += [same] if same else []
        elif item.kind in ("datasource", "generator", "type"):
            found.append(_without_header(by_line.get(item.line, item)))
        elif item.line in known:
            found.append(_without_header(fresh.pop((item.kind, item.name))))
    return _with_fresh(found, list(fresh.values()))


def _identity(block: Block) -> tuple[str, str]:
    return block.kind, block.name


def _without_header(block: Block) -> Block:
    return dataclasses.replace(block, comments=tuple(line for line in block.comments if not _HEADER.match(line)))


def _with_fresh(items: list[Item], fresh: Sequence[Block]) -> list[Item]:
    order = ("generator", "datasource", "type", "model", "view", "enum")
    by_kind: Mapping[str, list[Block]] = {kind: [one for one in fresh if one.kind == kind] for kind in order}
    for kind, blocks in by_kind.items():
        last = -1
        # Behind the last of the kind, or of those that usually come before it.
        for earlier in order[order.index(kind) :: -1]:
            places = [place for place, item in enumerate(items) if isinstance(item, Block) and item.kind == earlier]
            if places:
                last = places[-1]
                break
        items[last + 1 : last + 1] = blocks
    return items
