"""Blocks -> text, aligned as `prisma format` aligns them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seachange.sync.targets.prisma._language import Attribute, Block, Field, Item, Verbatim

__all__ = ["render"]

_ORDER = {
    name: place
    for place, name in enumerate(("id", "unique", "default", "updatedAt", "index", "fulltext", "map", "relation", "ignore"))
}


def render(items: Iterable[Item]) -> str:
    """Return the text of a file.

    :param items: its blocks and the comments between them.
    """
    return "\n\n".join(item.text if isinstance(item, Verbatim) else _block(item) for item in items) + "\n"


def _block(block: Block) -> str:
    if block.kind in ("datasource", "generator", "type"):
        return "\n".join([*block.comments, block.source])
    lines = [f"{block.kind} {block.name} {{"]
    lines += [f"  {line}" for line in _fields(block.fields)]
    attributes = _attributes(block.attributes)
    if attributes and len(lines) > 1 and not block.hidden:
        lines.append("")
    lines += [f"  {line}" for line in attributes]
    lines += [f"  {line}" for line in block.closing]
    lines.append("}")
    if block.hidden:
        lines = [f"// {line.strip()}" for line in lines]
    return "\n".join([*block.comments, *lines])


def _fields(fields: Sequence[Field]) -> Iterable[str]:
    rows = [(field, _columns(field)) for field in fields]
    widths = [0, 0]
    for field, columns in rows:
        if not field.hidden:
            for place, column in enumerate(columns[:2]):
                widths[place] = max(widths[place], len(column.encode()))
    for field, columns in rows:
        yield from field.comments
        if field.hidden:
            yield f"// {' '.join(columns)}"
            continue
        last = len(columns) - 1
        line = "".join(
            column if place == last else column + " " * (widths[place] - len(column.encode()) + 1)
            for place, column in enumerate(columns)
        )
        yield f"{line} {field.trailing}" if field.trailing else line


def _columns(field: Field) -> list[str]:
    attributes = " ".join(f"@{one}" for one in sorted(field.attributes, key=_place))
    kind = f"{field.type}{field.suffix}"
    return [text for text in (field.name, kind, attributes) if text]


def _place(attribute: Attribute) -> int:
    return _ORDER.get(attribute.name, len(_ORDER))


def _attributes(attributes: Sequence[Attribute]) -> list[str]:
    lines: list[str] = []
    for one in sorted(attributes, key=_place):
        lines += one.comments
        lines.append(f"@@{one} {one.trailing}" if one.trailing else f"@@{one}")
    return lines
