"""A file in Prisma's language -> its blocks; what cannot be read is an error that names the line."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn, cast

from seachange.errors import TargetFailedError
from seachange.sync.targets.prisma._docs import NO_COLUMNS, kept_comments
from seachange.sync.targets.prisma._language import Attribute, Block, Field, Item, Kind, Verbatim

__all__ = ["parse"]

_HEAD = re.compile(r"(model|view|enum|type|datasource|generator)\s+([A-Za-z0-9][\w-]*)\s*\{\s*(//.*)?")
_TYPE = re.compile(r'\s+(Unsupported\(\s*"(?:\\.|[^"\\])*"\s*\)|[A-Za-z0-9][\w-]*)(\[\])?(\?)?')
_NAME = re.compile(r"[A-Za-z0-9][\w-]*")
_PATH = re.compile(r"\s*@([A-Za-z0-9][\w.-]*)")
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//.*|[\[\](),]|[^\[\](),"/]+|.', re.DOTALL)
_OPENING, _CLOSING = "([", ")]"


def parse(text: str, path: Path) -> list[Item]:
    """Return the blocks of a file and the comments between them, in their order.

    :param text: what is in the file.
    :param path: the file, for the messages.
    :raises TargetFailedError: it cannot be read.
    """
    return list(_Parser(text, path).items())


class _Parser:
    def __init__(self, text: str, path: Path) -> None:
        self._lines = text.replace("\r\n", "\n").split("\n")
        self._path = path
        self._number = 0

    def items(self) -> Iterator[Item]:
        comments: list[str] = []
        while self._number < len(self._lines):
            line = self._lines[self._number].strip()
            if line.startswith(("//", "/*")):
                comments += self._comment()
                continue
            if line:
                yield self._block(line, comments)
            elif comments:
                yield self._between(comments)
            comments = []
            self._number += 1
        if comments:
            yield self._between(comments)

    def _between(self, comments: Sequence[str]) -> Item:
        if not any(NO_COLUMNS in line for line in comments):
            return Verbatim(text="\n".join(comments))
        # A model without columns stands in a comment.
        lines = [line[2:] for line in comments if line.startswith("// ")]
        blocks = [item for item in parse("\n".join(lines), self._path) if isinstance(item, Block)]
        return dataclasses.replace(blocks[0], hidden=True, line=self._number) if blocks else Verbatim(text="")

    def _fail(self, problem: str, line: int | None = None) -> NoReturn:
        place = (self._number if line is None else line) + 1
        raise TargetFailedError(
            f"{self._path}, line {place}: {problem}",
            hint=f"mend line {place} (`prisma validate` tells more), or remove the file to have it written anew",
        )

    def _comment(self) -> list[str]:
        line = self._lines[self._number].strip()
        found = [line]
        if line.startswith("/*"):
            start = self._number
            while "*/" not in line:
                self._number += 1
                if self._number == len(self._lines):
                    self._fail("the comment that begins here has no end", start)
                line = self._lines[self._number].strip()
                found.append(line if line.startswith("*") is False else f" {line}")
        self._number += 1
        return found

    def _block(self, line: str, comments: Sequence[str]) -> Block:
        head = _HEAD.fullmatch(line)
        start = self._number
        if head is None:
            self._fail(f"{line[:60]!r} begins no block of a Prisma schema")
        kind = cast("Kind", head[1])
        self._number += 1
        reads = kind in ("model", "view", "enum")
        fields: list[Field] = []
        attributes: list[Attribute] = []
        waiting: list[str] = [head[3]] if head[3] else []
        while True:
            if self._number >= len(self._lines):
                self._fail(f"{kind} {head[2]} has no closing brace", start)
            inner = self._lines[self._number].strip()
            if inner.startswith("}"):
                break
            if inner.startswith(("//", "/*")):
                waiting += self._comment()
                continue
            if inner and reads:
                inner = self._whole(inner)
                self._entry(inner, enum=kind == "enum", into=(fields, attributes), comments=kept_comments(waiting))
                waiting = []
            self._number += 1
        source = "\n".join(self._lines[start : self._number + 1])
        return Block(
            kind=kind,
            name=head[2],
            fields=tuple(fields),
            attributes=tuple(attributes),
            comments=tuple(comments),
            closing=kept_comments(waiting),
            source=source,
            line=start + 1,
        )

    def _whole(self, line: str) -> str:
        # Lists may go on over several lines.
        start = self._number
        while (depth := _depth(line)) > 0:
            self._number += 1
            if self._number >= len(self._lines):
                self._fail("a bracket is not closed", start)
            line = f"{line} {self._lines[self._number].strip()}"
        if depth < 0:
            self._fail("a bracket is closed that was not opened", start)
        return line

    def _entry(self, line: str, *, enum: bool, into: tuple[list[Field], list[Attribute]], comments: tuple[str, ...]) -> None:
        fields, attributes = into
        if line.startswith("@@"):
            found, trailing = self._attributes(line[1:])
            if len(found) != 1:
                self._fail(f"{line[:60]!r} is no attribute of a block")
            one = found[0]
            attributes.append(Attribute(name=one.name, arguments=one.arguments, comments=comments, trailing=trailing))
            return
        name = _NAME.match(line)
        kind = None if enum or not name else _TYPE.match(line, name.end())
        if not name or not (enum or kind):
            self._fail(f"{line[:60]!r} is no {'value' if enum else 'field with a type'}")
        found, trailing = self._attributes(line[(kind or name).end() :])
        fields.append(
            Field(
                name=name[0],
                type=kind[1] if kind else "",
                suffix="" if not kind else "[]" if kind[2] else "?" if kind[3] else "",
                attributes=tuple(found),
                comments=comments,
                trailing=trailing,
            )
        )

    def _attributes(self, text: str) -> tuple[list[Attribute], str]:
        found: list[Attribute] = []
        place = 0
        while path := _PATH.match(text, place):
            place = path.end()
            arguments: tuple[tuple[str, str], ...] = ()
            if text[place : place + 1] == "(":
                end = _closing(text, place)
                arguments = tuple(_arguments(text[place + 1 : end]))
                place = end + 1
            found.append(Attribute(name=path[1], arguments=arguments))
        rest = text[place:].strip()
        if rest and not rest.startswith("//"):
            self._fail(f"{rest[:60]!r} is not expected here")
        return found, rest


def _depth(text: str) -> int:
    depth = 0
    # Most lines have nothing to count.
    if "(" not in text and "[" not in text and ")" not in text and "]" not in text:
        return depth
    for token in _TOKEN.findall(text):
        if token.startswith("//"):
            break
        depth += _step(token)
    return depth


def _step(token: str) -> int:
    return (token in _OPENING) - (token in _CLOSING) if len(token) == 1 else 0


def _closing(text: str, start: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in ("(", "["):
            depth += 1
        elif token[0] in (")", "]"):
            depth -= 1
            if depth == 0:
                return token.start()
    return len(text)


def _arguments(text: str) -> Iterator[tuple[str, str]]:
    depth, current = 0, ""
    for part in [*_TOKEN.findall(text), ","]:
        if part == "," and depth == 0:
            if current.strip():
                yield _argument(current.strip())
            current = ""
            continue
        depth += _step(part)
        current += part


def _argument(text: str) -> tuple[str, str]:
    name = re.match(r"([A-Za-z]\w*)\s*:\s*", text)
    return (name[1], text[name.end() :]) if name else ("", text)
