"""What the server says of a query without running it: the types of its parameters and columns, or why it is none."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from seachange.errors import ServerUnreachableError, TimeoutExceededError
from seachange.sync.targets.queries._files import Broken, Query
from seachange.sync.targets.queries._sql import ServerText, to_server

if TYPE_CHECKING:
    import psycopg

__all__ = ["Described", "Output", "describe"]

_UNKNOWN_TYPE = ("42P18", "42P08")
# What says something of the server's state, not of the query: locks, timeouts, resources, a server that goes away.
_NOT_THE_QUERY = re.compile(r"55P03|40...|53...|57...|58...|08...|XX...|25...")
_PARAMETER = re.compile(r"\$(\d+)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Output:
    """One column of a result; ``relation`` and ``attribute`` are where it comes from unchanged, 0 for an expression."""

    name: str
    type: int
    relation: int = 0
    attribute: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Described:
    """A query that the server accepts; ``columns`` is None for one that returns no rows at all."""

    query: Query
    text: ServerText
    parameters: tuple[int, ...] = ()
    columns: tuple[Output, ...] | None = None


def describe(session: psycopg.Connection[Any], query: Query) -> Described | Broken:
    """Let the server parse a query; nothing is executed, and no lock stays.

    :param session: in a transaction.
    :param query: the query.
    :returns: what it takes and gives, or what is wrong with it.
    :raises TimeoutExceededError: a lock on a table of the query is not to be had.
    :raises ServerUnreachableError: the server went away.
    """
    if query.operation == "script":
        return _script(session, query, ServerText(text=query.sql, parameters=(), starts=(0,), origins=(0,)))
    text = to_server(query.sql)
    return _prepared(session, query, text)


def _script(session: psycopg.Connection[Any], query: Query, text: ServerText) -> Described | Broken:
    """Let the server parse the statements up to the first that may make what later ones use."""
    import postgast

    try:
        parsed = postgast.parse(text.text)
    except postgast.PgQueryError as exc:
        at = max(exc.cursorpos - 1, 0)
        return _broken(query, str(exc), origin=at)
    encoded = text.text.encode()
    for raw in parsed.stmts:
        if raw.stmt.WhichOneof("node") not in ("select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "merge_stmt"):
            break
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(encoded)
        # Blanks keep the server's positions those of the whole text.
        statement = " " * len(encoded[: raw.stmt_location].decode()) + encoded[raw.stmt_location : end].decode()
        found = _prepared(session, query, text, sql=statement)
        if isinstance(found, Broken):
            return found
    return Described(query=query, text=text)


def _prepared(session: psycopg.Connection[Any], query: Query, text: ServerText, *, sql: str = "") -> Described | Broken:
    from psycopg.pq import ExecStatus

    encoding = session.info.encoding
    # Preparing a statement that writes locks its table until the savepoint goes.
    with session.transaction(force_rollback=True):
        result = session.pgconn.prepare(b"", (sql or text.text).encode(encoding))
        if result.status == ExecStatus.COMMAND_OK:
            result = session.pgconn.describe_prepared(b"")
        if result.status != ExecStatus.COMMAND_OK:
            return _refused(query, text, _Diagnosis.of(result, encoding))
        columns = tuple(
            Output(
                name=(result.fname(number) or b"").decode(encoding),
                type=result.ftype(number),
                relation=result.ftable(number),
                attribute=result.ftablecol(number),
            )
            for number in range(result.nfields)
        )
        parameters = tuple(result.param_type(number) for number in range(result.nparams))
    return Described(query=query, text=text, parameters=parameters, columns=columns or None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Diagnosis:
    state: str
    message: str
    hint: str
    position: int

    @classmethod
    def of(cls, result: Any, encoding: str) -> _Diagnosis:
        from psycopg.pq import DiagnosticField

        def field(name: DiagnosticField) -> str:
            return (result.error_field(name) or b"").decode(encoding, "replace")

        return cls(
            state=field(DiagnosticField.SQLSTATE),
            message=field(DiagnosticField.MESSAGE_PRIMARY) or result.get_error_message(encoding),
            hint=field(DiagnosticField.MESSAGE_HINT),
            position=int(field(DiagnosticField.STATEMENT_POSITION) or 0),
        )


def _refused(query: Query, text: ServerText, said: _Diagnosis) -> Broken:
    if not said.state:
        raise ServerUnreachableError(f"the server went away while it was asked about {query.name}: {said.message}")
    if _NOT_THE_QUERY.fullmatch(said.state):
        raise TimeoutExceededError(
            f"{query.file}:{query.line}: {query.name} could not be looked at: {said.message}", hint=said.hint or "try again"
        )

    def named(match: re.Match[str]) -> str:
        number = int(match[1])
        return f":{text.parameters[number - 1]}" if 0 < number <= len(text.parameters) else match[0]

    hint = said.hint
    if said.state in _UNKNOWN_TYPE:
        hint = "say its type in the query: (:name)::integer, cast(:name as text)"
    elif "multiple commands" in said.message:
        hint = "one statement a query; a script of several has the operator #"
    message = _PARAMETER.sub(named, said.message)
    return _broken(query, message, origin=text.origin(said.position - 1) if said.position else None, hint=hint)


def _broken(query: Query, message: str, *, origin: int | None, hint: str = "") -> Broken:
    if origin is None:
        return Broken(file=query.file, line=query.line, query=query.name, message=message, hint=hint)
    row = query.sql.count("\n", 0, origin)
    column = origin - (query.sql.rfind("\n", 0, origin) + 1)
    line = query.sql.split("\n")[row]
    shown = line.lstrip()
    column = max(column - (len(line) - len(shown)), 0)
    return Broken(
        file=query.file,
        line=query.lines[row] if row < len(query.lines) else query.line,
        query=query.name,
        message=message,
        excerpt=f"{shown}\n{' ' * column}^",
        hint=hint,
    )
