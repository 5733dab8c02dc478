"""The SQL that calls of a revision send, parsed as the server would get it."""

from __future__ import annotations

import ast
import dataclasses
import re

from seachange.revisions._code._calls import Call
from seachange.revisions._code._sql import Parsed, SqlError, Statement, parse
from seachange.revisions._code._texts import Computed, Text, texts_of

__all__ = ["Sent", "line_of", "place_in", "sent_by"]

# sqlalchemy/sql/compiler.py, BIND_PARAMS and BIND_PARAMS_ESC: what text() takes for a parameter, even within quotes.
_PARAMETER = re.compile(r"(?<![:\w\x5c]):(\w+)(?!:)")
_ESCAPED = re.compile(r"\x5c(:[\w$]*)(?![:\w$])")
_DRIVER_PARAMETER = re.compile(r"%(?:s|b|t|\(\w+\)[sbt])")
_SQL_METHODS = ("execute", "exec_driver_sql", "scalar", "scalars")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sent:
    """One text that a call sends; ``parsed`` is nothing for one that is made elsewhere.

    ``parameters`` are its names in the text, ``unbound`` those that nothing gives a value.
    """

    call: Call
    node: ast.expr
    sql: str = ""
    template: bool = False
    parameters: tuple[str, ...] = ()
    unbound: tuple[str, ...] = ()
    parsed: Parsed | None = None

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Its statements, as far as they are known."""
        return self.parsed.statements if self.parsed else ()

    @property
    def checkable(self) -> bool:
        """Whether all that the server gets is known."""
        return self.parsed is not None and not self.template and not (self.parameters and self.parsed.error)


def sent_by(call: Call) -> tuple[Sent, ...]:
    """Return every text that a call can send; nothing for one that sends none."""
    given = _statement(call.node) if call.method in _SQL_METHODS else None
    texts = texts_of(given, call.scope) if given else ()
    return tuple(
        Sent(call=call, node=_placed(text.node, call.node))
        if isinstance(text, Computed)
        else _sent(call, text, alternatives=len(texts))
        for text in texts
    )


def _statement(node: ast.Call) -> ast.expr | None:
    if node.args:
        return node.args[0]
    named = [keyword.value for keyword in node.keywords if keyword.arg in ("sqltext", "statement")]
    return named[0] if named else None


def _placed(node: ast.expr, call: ast.Call) -> ast.expr:
    return node if hasattr(node, "lineno") else call


def _sent(call: Call, text: Text, *, alternatives: int) -> Sent:
    sql, parameters = _as_sent(call, text)
    given = text.bound or len(call.node.args) > 1 or any(each.arg != "sqltext" for each in call.node.keywords)
    # A name that is bound twice may have got its values in between.
    unbound = () if given or text.template or text.kind == "ddl" or alternatives > 1 else parameters
    if call.method == "exec_driver_sql":
        unbound = ()
    return Sent(
        call=call,
        node=_placed(text.node, call.node),
        sql=sql,
        template=text.template,
        parameters=parameters,
        unbound=unbound,
        parsed=parse(sql),
    )


def _as_sent(call: Call, text: Text) -> tuple[str, tuple[str, ...]]:
    """Return the text as the server gets it, with ``$1`` for each parameter, and the parameters."""
    if text.kind == "ddl":
        return _DRIVER_PARAMETER.sub("placeholder", text.value).replace("%%", "%"), tuple(_DRIVER_PARAMETER.findall(text.value))
    if call.method == "exec_driver_sql":
        if len(call.node.args) < 2 and not call.node.keywords:
            return text.value, ()
        return _DRIVER_PARAMETER.sub("$1", text.value).replace("%%", "%"), tuple(_DRIVER_PARAMETER.findall(text.value))
    parameters = tuple(dict.fromkeys(_PARAMETER.findall(text.value)))
    return _ESCAPED.sub(r"\1", _PARAMETER.sub("$1", text.value)), parameters


def line_of(sent: Sent, position: int = 0) -> int:
    """Return the line of the file for a position in a text: exact where the literal shows its lines as they are."""
    value = sent.node.value if isinstance(sent.node, ast.Constant) else sent.sql
    lines = str(value).count("\n")
    if (sent.node.end_lineno or 0) - sent.node.lineno == lines:
        return sent.node.lineno + sent.sql.count("\n", 0, position)
    return sent.node.lineno


def place_in(sent: Sent, error: SqlError) -> str:
    """Return where in its text an error is, in words, with the line around it."""
    begin = sent.sql.rfind("\n", 0, error.position) + 1
    line = sent.sql[begin:].partition("\n")[0]
    column = error.position - begin
    around = f"{line[max(column - 40, 0) : column]}>>>{line[column : column + 40]}".strip()
    number = sent.sql.count("\n", 0, error.position) + 1
    return f"line {number}, column {column + 1} of the text: {around}"
