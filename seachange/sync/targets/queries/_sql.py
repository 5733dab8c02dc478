"""The text of a query: its parameters, and the same text as the server and as the driver want it."""

from __future__ import annotations

import bisect
import dataclasses
import re
from collections.abc import Iterator

__all__ = ["ServerText", "parameters_in", "spelled_wrongly", "to_driver", "to_server"]

_NESTED = re.compile(r"/\*|\*/")
_TOKEN = re.compile(
    r"""
    (?P<string>[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*")
    | (?P<dollar>(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
    | (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<cast>::|:=)
    | :(?P<colon>[^\W\d]\w*)
    | %\((?P<percent>[^)]*)\)s
    | (?P<twice>%%)
    | (?P<once>%)
    | (?P<word>\w+)
    """,
    re.VERBOSE | re.DOTALL,
)
# aiosql gives the parameter of such a name the attribute of an object.
_ATTRIBUTE = re.compile(r":[^\W\d]\w*\.[^\W\d]\w*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerText:
    """A query with ``$1`` and so on in place of its parameters, which are in that order in ``parameters``."""

    text: str
    parameters: tuple[str, ...]
    starts: tuple[int, ...]
    origins: tuple[int, ...]

    def origin(self, position: int) -> int:
        """Return where in the query as it was written a character is.

        :param position: where it is in ``text``, from 0.
        """
        piece = max(bisect.bisect_right(self.starts, position) - 1, 0)
        place = self.origins[piece] + position - self.starts[piece]
        # A number such as $10 may be longer than the name that it stands for.
        return min(place, self.origins[piece + 1]) if piece + 1 < len(self.origins) else place


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Piece:
    kind: str
    text: str
    start: int


def parameters_in(sql: str) -> tuple[str, ...]:
    """Return the names of a query's parameters, each once, in the order of the text.

    :param sql: with ``:name`` or ``%(name)s``.
    """
    return tuple(dict.fromkeys(piece.text for piece in _pieces(sql) if piece.kind == "parameter"))


def spelled_wrongly(sql: str) -> str:
    """Return a parameter in a form that has no type, ``:object.attribute``; empty when there is none.

    :param sql: as written.
    """
    found = (_ATTRIBUTE.match(sql, piece.start) for piece in _pieces(sql) if piece.kind == "parameter")
    return next((match[0] for match in found if match), "")


def to_server(sql: str) -> ServerText:
    """Return a query as the server reads it.

    :param sql: as written.
    """
    numbers = {name: f"${number}" for number, name in enumerate(parameters_in(sql), start=1)}
    texts, starts, origins, length = [], [], [], 0
    for piece in _pieces(sql):
        text = numbers[piece.text] if piece.kind == "parameter" else "%" if piece.kind == "percent" else piece.text
        texts.append(text)
        starts.append(length)
        origins.append(piece.start)
        length += len(text)
    return ServerText(text="".join(texts), parameters=tuple(numbers), starts=tuple(starts), origins=tuple(origins))


def to_driver(sql: str, *, casts: dict[str, str] | None = None) -> str:
    """Return a query as psycopg takes it: with ``%(name)s`` and doubled signs of per cent when it has parameters.

    :param sql: as written.
    :param casts: the type that a parameter is cast to, by its name.
    """
    pieces = list(_pieces(sql))
    if not any(piece.kind == "parameter" for piece in pieces):
        return "".join("%" if piece.kind == "percent" else piece.text for piece in pieces)
    given = casts or {}
    return "".join(
        f"%({piece.text})s{f'::{given[piece.text]}' if piece.text in given else ''}"
        if piece.kind == "parameter"
        else "%%"
        if piece.kind == "percent"
        else piece.text.replace("%", "%%")
        for piece in pieces
    )


def _pieces(sql: str) -> Iterator[_Piece]:
    """Yield the whole text in pieces of kinds ``parameter``, ``percent`` (one sign of per cent) and ``text``."""
    done = 0
    position = 0
    while match := _TOKEN.search(sql, position):
        position = match.end()
        if match["block"]:
            position = _block_end(sql, match.end())
            continue
        parameter = match["colon"] or match["percent"]
        if not (parameter or match["twice"] or "%%" in match[0]):
            continue
        if match.start() > done:
            yield _Piece(kind="text", text=sql[done : match.start()], start=done)
        if parameter or match["twice"]:
            yield _Piece(kind="parameter" if parameter else "percent", text=parameter or "%", start=match.start())
        else:
            yield from _without_doubles(match[0], match.start())
        done = position
    if done < len(sql):
        yield _Piece(kind="text", text=sql[done:], start=done)


def _without_doubles(text: str, start: int) -> Iterator[_Piece]:
    """Yield a string or comment: the driver reads doubled signs of per cent there too."""
    at = start
    for number, part in enumerate(text.split("%%")):
        if number:
            yield _Piece(kind="percent", text="%", start=at)
            at += 2
        if part:
            yield _Piece(kind="text", text=part, start=at)
            at += len(part)


def _block_end(sql: str, position: int) -> int:
    depth = 1
    while depth and (match := _NESTED.search(sql, position)):
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return position if not depth else len(sql)
