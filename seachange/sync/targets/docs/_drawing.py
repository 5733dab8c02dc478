"""A table between those that it refers to and those that refer to it, as SVG in the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from seachange.sync._describing import relation_name
from seachange.sync.model import ForeignKey, Table
from seachange.sync.targets.docs._site import Site

__all__ = ["drawing"]

_Key = tuple[str, str]

_ROW = 22
_GAP = 18
_BETWEEN = 90
_LETTER = 7.6
_PADDING = 10
_BOW = 40
_MOST_LETTERS = 30
_MOST_BOXES = 12


@dataclasses.dataclass(kw_only=True)
class _Box:
    """A table: its name and the columns that foreign keys connect; ``x`` and ``y`` come with the layout."""

    key: _Key
    name: str
    columns: list[str]
    address: str
    own: bool = False
    x: float = 0
    y: float = 0

    @property
    def width(self) -> float:
        longest = max(len(_cut(text)) for text in (self.name, *self.columns))
        return round(longest * _LETTER + 2 * _PADDING)

    @property
    def height(self) -> float:
        return _ROW * (1 + len(self.columns))

    def row(self, column: str) -> float:
        return self.y + _ROW * (1.5 + self.columns.index(column))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Line:
    """From a column that refers, at the end with the circle, to the one referred to."""

    child: _Box
    column: str
    parent: _Box
    referred: str


def drawing(site: Site, table: Table) -> list[str]:
    """Return the lines of the picture; none for a table that nothing is connected with.

    :param site: where the other pages are.
    :param table: the table in the middle.
    """
    referring = [
        (one, key) for one, key in site.schema.referring.get(table.key, ()) if not one.is_partition and one.key != table.key
    ]
    if not table.foreign_keys and not referring:
        return []
    middle = _box(site, table.key, own=True)
    lines: list[_Line] = []
    parents: dict[_Key, _Box] = {}
    children: dict[_Key, _Box] = {}
    for key in table.foreign_keys:
        at = middle if key.references == table.key else _side(site, parents, key.references)
        lines += _connected(key, child=middle, parent=at) if at else []
    for one, key in referring:
        at = _side(site, children, one.key)
        lines += _connected(key, child=at, parent=middle) if at else []
    left = len({key.references for key in table.foreign_keys} - {table.key}) - len(parents)
    right = len({one.key for one, _ in referring}) - len(children)
    columns = ([*parents.values()], [middle], [*children.values()])
    return list(_svg(columns, lines, more=(left, right)))


def _box(site: Site, key: _Key, *, own: bool = False) -> _Box:
    one = site.schema.relations.get(key)
    name = relation_name(one) if one else ".".join(key)
    path = site.path(key)
    return _Box(key=key, name=name, columns=[], address=f"../{path}" if path and not own else "", own=own)


def _side(site: Site, boxes: dict[_Key, _Box], key: _Key) -> _Box | None:
    if key not in boxes and len(boxes) < _MOST_BOXES:
        boxes[key] = _box(site, key)
    return boxes.get(key)


def _connected(key: ForeignKey, *, child: _Box, parent: _Box) -> list[_Line]:
    for box, names in ((parent, key.references_columns), (child, key.columns)):
        box.columns += [name for name in names if name not in box.columns]
    return [
        _Line(child=child, column=column, parent=parent, referred=other)
        for column, other in zip(key.columns, key.references_columns, strict=True)
    ]


def _svg(columns: Sequence[list[_Box]], lines: Iterable[_Line], *, more: tuple[int, int]) -> Iterator[str]:
    right, height = _arrange(columns)
    (middle,) = columns[1]
    # A table that refers to itself has a bow at its side.
    width = right + (1 if columns[2] else _BOW)
    height += _ROW if any(more) else 0
    yield (
        f'<svg class="drawing" role="group" aria-label="{escape(middle.name)} and the tables around it" '
        f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
    )
    yield from map(_path, lines)
    for boxes in columns:
        for box in boxes:
            yield from _drawn(box)
    for count, place in ((more[0], 1.0), (more[1], width - _BETWEEN)):
        if count:
            yield f'<text x="{place:g}" y="{height - 6:g}">and {count} more</text>'
    yield "</svg>"


def _arrange(columns: Sequence[list[_Box]]) -> tuple[float, float]:
    height = max(map(_stacked, columns))
    x = 1.0
    for place, boxes in enumerate(columns):
        width = max((box.width for box in boxes), default=0)
        y = 1 + (height - _stacked(boxes)) / 2
        for box in boxes:
            box.x, box.y = x + (width - box.width if place == 0 else 0), y
            y += box.height + _GAP
        x += width + _BETWEEN if boxes else 0
    return x - _BETWEEN, height + 2


def _stacked(boxes: Sequence[_Box]) -> float:
    return sum(box.height + _GAP for box in boxes) - _GAP if boxes else 0


def _path(line: _Line) -> str:
    start, end = line.child.row(line.column), line.parent.row(line.referred)
    left, right = line.parent.x + line.parent.width, line.child.x
    if line.child is line.parent:
        right, bend = left, left + _BOW - 4
    else:
        bend = (left + right) / 2
    curve = f"M{right:g} {start:g}C{bend:g} {start:g} {bend:g} {end:g} {left:g} {end:g}"
    return f'<path d="{curve}"/><circle cx="{right:g}" cy="{start:g}" r="3.5"/>'


def _drawn(box: _Box) -> Iterator[str]:
    look = "own" if box.own else "box"
    text = box.x + _PADDING
    yield f'<a href="{escape(box.address)}">' if box.address else "<g>"
    yield f'<rect class="{look}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="5"/>'
    yield f'<text class="name" x="{text:g}" y="{box.y + 15:g}">{_shown(box.name)}</text>'
    yield f'<line x1="{box.x:g}" y1="{box.y + _ROW:g}" x2="{box.x + box.width:g}" y2="{box.y + _ROW:g}"/>'
    for number, column in enumerate(box.columns, 1):
        yield f'<text x="{text:g}" y="{box.y + _ROW * number + 15:g}">{_shown(column)}</text>'
    yield "</a>" if box.address else "</g>"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


def _shown(text: str) -> str:
    whole = f"<title>{escape(text)}</title>" if len(text) > _MOST_LETTERS else ""
    return f"{escape(_cut(text))}{whole}"
