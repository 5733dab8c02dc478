"""A plain file of SQL as its statements, each with its line."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import re

from seachange.errors import StatementFailedError
from seachange.safety.parsing import kind

__all__ = ["ScriptStatement", "read_script"]

_FROM_STDIN = re.compile(r"\bcopy\b[^;]*\bfrom\s+stdin\b[^;]*;", re.IGNORECASE)
_SEMICOLON = ord(";")
_PLAIN = "only plain SQL can be traced: what the server itself understands"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScriptStatement:
    """One statement, without its semicolon, and the line on which it begins."""

    sql: str
    line: int


def read_script(text: str, *, file: str, served: bool = False) -> tuple[ScriptStatement, ...]:
    """Return the statements of a file.

    :param text: what is in it.
    :param file: its name, for messages.
    :param served: whether a server will say what is no SQL to it.
    :raises StatementFailedError: it holds commands or variables of psql, data for COPY, or what is no SQL.
    """
    import postgast

    try:
        parsed = postgast.parse(text)
    except postgast.PgQueryError as exc:
        _refuse(text, file, max(exc.cursorpos - 1, 0))
        if not served:
            line = text.count("\n", 0, max(exc.cursorpos - 1, 0)) + 1
            raise StatementFailedError(f"{file}:{line}: {exc.message}", hint="see the SQL of PostgreSQL 18") from exc
        return _scanned(text, file)
    encoded = text.encode()
    starts = [0, *(found.end() for found in re.finditer(rb"\n", encoded))]
    found = []
    for raw in parsed.stmts:
        line = bisect.bisect_right(starts, raw.stmt_location)
        node = postgast.unwrap_node(raw.stmt)
        if kind(node) == "CopyStmt" and node.is_from and not node.filename:
            raise _copy(file, line)
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(encoded)
        found.append(ScriptStatement(sql=encoded[raw.stmt_location : end].decode().strip(), line=line))
    return tuple(found)


def _scanned(text: str, file: str) -> tuple[ScriptStatement, ...]:
    """Return the statements of a text that holds what is none, divided by their semicolons."""
    import postgast
    from postgast import pg_query_pb2 as pg

    try:
        tokens = [each for each in postgast.scan(text).tokens if each.token not in (pg.SQL_COMMENT, pg.C_COMMENT)]
    except postgast.PgQueryError as exc:
        line = text.count("\n", 0, max(exc.cursorpos - 1, 0)) + 1
        said = str(exc.message).partition(" at or near")[0]
        raise StatementFailedError(f"{file}:{line}: {said}", hint="close what is open") from exc
    encoded, found = text.encode(), []
    for ends, group in itertools.groupby(tokens, key=lambda each: each.token == _SEMICOLON):
        if not ends:
            statement = list(group)
            start, end = statement[0].start, statement[-1].end
            found.append(ScriptStatement(sql=encoded[start:end].decode(), line=encoded.count(b"\n", 0, start) + 1))
    return tuple(found)


def _refuse(text: str, file: str, position: int) -> None:
    """Raise where a text does not parse because it is written for psql."""
    line = text.count("\n", 0, position) + 1
    copies = list(_FROM_STDIN.finditer(text, 0, position + 1))
    if copies and text[copies[-1].end() : position].count(";") == 0:
        raise _copy(file, text.count("\n", 0, copies[-1].start()) + 1)
    found = text[position:].split("\n", 1)[0].strip()
    if found.startswith("\\"):
        raise StatementFailedError(f"{file}:{line}: {found.split()[0]} is a command of psql", hint=_PLAIN)
    if re.match(r""":(\w|'|"|\{)""", found):
        raise StatementFailedError(f"{file}:{line}: {found.split()[0].rstrip(',;)')} is a variable of psql", hint=_PLAIN)


def _copy(file: str, line: int) -> StatementFailedError:
    return StatementFailedError(f"{file}:{line}: COPY FROM STDIN takes its rows from the file, as only psql can", hint=_PLAIN)
