"""Exact edits of a revision's source by the positions of its syntax tree; every other byte stays."""

from __future__ import annotations

import ast
import codecs
import datetime
import io
import re
import tokenize
from collections.abc import Iterable, Mapping
from typing import cast

from seachange.errors import RevisionRejectedError

__all__ = ["HeaderEdit", "redate"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_LITERAL = re.compile(r"([A-Za-z]*)(\"\"\"|'''|\"|')")
_FRACTION = re.compile(r":\d\d\.\d")


class HeaderEdit:
    """The header of one revision file, edited in place.

    :param source: the file's bytes.
    :param name: the file's name, for messages.
    """

    def __init__(self, source: bytes, *, name: str) -> None:
        self._name = name
        self._bom = codecs.BOM_UTF8 if source.startswith(codecs.BOM_UTF8) else b""
        self._encoding = tokenize.detect_encoding(io.BytesIO(source).readline)[0].replace("utf-8-sig", "utf-8")
        self._text = source.removeprefix(self._bom).decode(self._encoding)
        self._starts = [0, *(found.end() for found in _LINE_END.finditer(self._text))]
        self._tree = ast.parse(self._text)
        self._assigned = _assignments(self._tree)
        self._edits: list[tuple[int, int, str]] = []

    def rename(self, revision: str) -> None:
        """Give the revision another id, in its assignment and in its docstring."""
        value = self._value("revision")
        self._replace(value, _quoted(revision, like=self._segment(value)))
        self._replace_line("Revision ID", revision)

    def follow(self, parent: str | None) -> None:
        """Let the revision follow ``parent`` and nothing else."""
        node = self._assigned.get("down_revision")
        like = self._segment(self._value("revision"))
        written = "None" if parent is None else _quoted(parent, like=like)
        if node is None or node.value is None:
            self._insert_after(self._assigned["revision"], f"down_revision = {written}")
        elif parent is not None and (texts := _texts(node.value)):
            self._replace(node.value, _quoted(parent, like=self._segment(texts[0])))
        else:
            self._replace(node.value, written)
        self._replace_line("Revises", parent or "")

    def date(self, moment: datetime.datetime) -> None:
        """Give the docstring another Create Date, written as the one before was."""
        self._replace_line("Create Date", moment)

    def refer(self, renamed: Mapping[str, str], *, name: str) -> None:
        """Put new ids for old ones in ``depends_on`` or ``down_revision``."""
        node = self._assigned.get(name)
        for text in _texts(node.value) if node is not None and node.value is not None else ():
            if text.value in renamed:
                self._replace(text, _quoted(renamed[str(text.value)], like=self._segment(text)))

    def rename_files(self, old: str, new: str) -> None:
        """Put ``new`` for ``old`` in texts of the code that name a file which is renamed with the revision."""
        header = {id(text) for node in self._assigned.values() if node.value is not None for text in _texts(node.value)}
        formatted = [node for node in ast.walk(self._tree) if isinstance(node, ast.JoinedStr)]
        # Parts of an f-string have no exact positions before Python 3.12, so it is replaced as a whole.
        header.update(id(part) for node in formatted for part in ast.walk(node) if part is not node)
        for node in ast.walk(self._tree):
            text = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
            if text and id(node) not in header and old in self._segment(cast("ast.expr", node)):
                self._replace(cast("ast.expr", node), self._segment(cast("ast.expr", node)).replace(old, new))

    def result(self) -> bytes:
        """Return the edited source, in the encoding and with the line ends that it had."""
        text = self._text
        for start, end, new in sorted(self._edits, reverse=True):
            text = text[:start] + new + text[end:]
        return self._bom + text.encode(self._encoding)

    def _value(self, name: str) -> ast.expr:
        node = self._assigned.get(name)
        if node is None or not isinstance(node.value, ast.Constant):
            raise RevisionRejectedError(
                f"{self._name}: {name} is not written out as a text, so it cannot be changed",
                hint=f'write {name} = "..." in the file',
            )
        return node.value

    def _segment(self, node: ast.expr) -> str:
        return self._text[slice(*self._span(node))]

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0),
        )

    def _offset(self, line: int, column: int) -> int:
        # Columns of the syntax tree count bytes of UTF-8, whatever the file is written in.
        start = self._starts[line - 1]
        stop = self._starts[line] if line < len(self._starts) else len(self._text)
        return start + len(self._text[start:stop].encode()[:column].decode())

    def _replace(self, node: ast.expr, new: str) -> None:
        self._edits.append((*self._span(node), new))

    def _insert_after(self, node: ast.stmt, line: str) -> None:
        end = self._span(node)[1]
        self._edits.append((end, end, f"{self._newline()}{line}"))

    def _newline(self) -> str:
        found = _LINE_END.search(self._text)
        return found[0] if found else "\n"

    def _replace_line(self, field: str, value: str | datetime.datetime) -> None:
        """Replace what stands after ``field:`` in the docstring; a docstring without that line stays as it is."""
        if not self._tree.body or ast.get_docstring(self._tree, clean=False) is None:
            return
        start, end = self._span(self._tree.body[0])
        quote = _LITERAL.match(self._text, start)
        if quote is None:
            return
        inner = self._text[quote.end() : end - len(quote[2])]
        found = re.search(rf"^([ \t]*{field}:)([ \t]*)([^\r\n]*?)(?=[ \t]*(?:[\r\n]|\Z))", inner, re.MULTILINE)
        # A text on one line spells its line ends as escapes; there is no line to replace then.
        if found is None:
            return
        new = redate(found[3], value) if isinstance(value, datetime.datetime) else value
        if new != found[3]:
            at = quote.end() + found.start(3)
            space = " " if new and not found[2] else ""
            self._edits.append((at, at + len(found[3]), space + new))


def redate(written: str, moment: datetime.datetime) -> str:
    """Return ``moment`` in the form of a date that was written before: separator, fraction and zone."""
    try:
        before = datetime.datetime.fromisoformat(written)
    except ValueError:
        return moment.isoformat(" ")
    moment = moment.replace(tzinfo=None) if before.tzinfo is None else moment.astimezone(before.tzinfo)
    separator = "T" if "T" in written else " "
    return moment.isoformat(separator, timespec="microseconds" if _FRACTION.search(written) else "seconds")


_Assignment = ast.Assign | ast.AnnAssign


def _assignments(tree: ast.Module) -> dict[str, _Assignment]:
    """The last assignment of each name at the top of the module, which is the one that counts."""
    found: dict[str, _Assignment] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            found.update({target.id: node for target in node.targets if isinstance(target, ast.Name)})
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return {name: node for name, node in found.items() if name in ("revision", "down_revision", "depends_on")}


def _texts(node: ast.expr) -> list[ast.Constant]:
    parts: Iterable[ast.expr] = node.elts if isinstance(node, (ast.Tuple, ast.List, ast.Set)) else (node,)
    return [part for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def _quoted(text: str, *, like: str) -> str:
    """Return ``text`` as a literal in the quotes of another one."""
    found = _LITERAL.match(like.lstrip("( \t\r\n"))
    quote = found[2] if found else '"'
    return f"{quote}{text}{quote}"
