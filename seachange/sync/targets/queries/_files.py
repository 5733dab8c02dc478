"""The .sql files of a project -> queries, as aiosql reads them."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from seachange.errors import ExtraMissingError
from seachange.sync.targets.queries._sql import parameters_in, spelled_wrongly

__all__ = ["Broken", "Operation", "Query", "read_queries"]

Operation = Literal["many", "one", "value", "affected", "returning", "each", "script"]

_OPERATIONS: Mapping[str, Operation] = {
    "SELECT": "many",
    "SELECT_ONE": "one",
    "SELECT_VALUE": "value",
    "INSERT_UPDATE_DELETE": "affected",
    "INSERT_RETURNING": "returning",
    "INSERT_UPDATE_DELETE_MANY": "each",
    "SCRIPT": "script",
}
_NAME_LINE = re.compile(r"--\s*name\s*:\s*")
_COMMENT_LINE = re.compile(r"\s*--")
_RECORD_CLASS = re.compile(r"\s*--\s*record_class\s*:")
# What has to be passed over to find comments of several lines; such as begin with a plus are hints, and stay.
_SKIPPED = re.compile(r"'(?:''|[^'])*'|\"(?:\"\"|[^\"])+\"|--[^\n]*|(?P<comment>/\*(?!\+).*?\*/)", re.DOTALL)
_TYPES_LINE = re.compile(r"^types\s*:(.*)$", re.MULTILINE)
_OVERRIDE = re.compile(r"(?P<name>:?[^\s,!?]+|\"[^\"]+\")(?P<mark>[!?])")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Query:
    """One named query; ``lines`` are the numbers of the lines of ``sql`` in the file, ``file`` the path that people know.

    ``overrides`` says by the name of a column, or of a parameter with a colon, whether it is nullable.
    """

    name: str
    operation: Operation
    sql: str
    file: str
    line: int
    doc: str = ""
    lines: tuple[int, ...] = ()
    overrides: Mapping[str, bool] = dataclasses.field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters; a script has none."""
        return () if self.operation == "script" else parameters_in(self.sql)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Broken:
    """Why a query cannot be used, and where; ``excerpt`` shows the place in its text."""

    file: str
    line: int
    query: str
    message: str
    excerpt: str = ""
    hint: str = ""


class _Unchanged:
    """Stands for the driver in aiosql's loader, which rewrites nothing for it."""

    def process_sql(self, query_name: str, op_type: object, sql: str) -> str:
        """Return the text as it is."""
        del query_name, op_type
        return sql


def read_queries(path: Path, *, shown: str) -> tuple[Query | Broken, ...]:
    """Return the queries of a file in its order, and those that are not aiosql's syntax as broken ones.

    :param path: the file.
    :param shown: how messages call it.
    :raises ExtraMissingError: aiosql is not installed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        return (Broken(file=shown, line=1, query=path.name, message=f"the file is not UTF-8: {exc.reason}"),)
    text = _SKIPPED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]) if match["comment"] else match[0], text)
    return tuple(_blocks(text, shown))


def _blocks(text: str, shown: str) -> Iterator[Query | Broken]:
    # The loader stops at the first mistake and tells its place in words: each query is given to it on its own.
    starts = [match.start() for match in _NAME_LINE.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=False):
        yield _query(text[start:end], shown, line=1 + text.count("\n", 0, start))


def _query(block: str, shown: str, *, line: int) -> Query | Broken:
    loader, mistakes = _loader()
    first = block.split("\n", 1)[0]
    named = _NAME_LINE.sub("", first, count=1).strip()
    try:
        (datum,) = loader.load_query_data_from_sql(block, [], shown)
    except mistakes as exc:
        message = re.sub(rf"\s*at {re.escape(shown)}:\d+", "", str(exc))
        return Broken(file=shown, line=line, query=named, message=message)
    sql, lines = _located(block, str(datum.sql), line)
    name = str(datum.query_name)
    if wrong := spelled_wrongly(sql):
        hint = f"name it {wrong.replace('.', '_')}, so that it has a type of its own"
        return Broken(file=shown, line=line, query=name, message=f"{wrong} is an attribute of a parameter", hint=hint)
    doc = "\n".join(one for one in str(datum.doc_comments).splitlines() if not _RECORD_CLASS.match(f"-- {one}"))
    return Query(
        name=name,
        operation=_OPERATIONS[datum.operation_type.name],
        sql=sql,
        file=shown,
        line=line,
        doc=_TYPES_LINE.sub("", doc).strip(),
        lines=lines,
        overrides={
            match["name"].strip('"'): match["mark"] == "?"
            for types in _TYPES_LINE.finditer(doc)
            for match in _OVERRIDE.finditer(types[1])
        },
    )


def _located(block: str, sql: str, line: int) -> tuple[str, tuple[int, ...]]:
    """Return the SQL of a block without the semicolon at its end, and the numbers of its lines."""
    code = [(line + number, text.rstrip()) for number, text in enumerate(block.split("\n")) if not _COMMENT_LINE.match(text)]
    while code and not code[0][1]:
        code.pop(0)
    sql = sql.strip()
    return sql.rstrip("; \t\n") if sql.count(";") == 1 else sql, tuple(number for number, _ in code)[: sql.count("\n") + 1]


def _loader() -> tuple[Any, tuple[type[Exception], ...]]:
    try:
        from aiosql.query_loader import QueryLoader
        from aiosql.utils import SQLLoadException, SQLParseException
    except ImportError as exc:
        raise ExtraMissingError(
            "target queries needs the library aiosql, which is not installed", hint="pip install 'seachange[queries]'"
        ) from exc
    # Newer versions want the parameters declared in the line of the name unless they are told not to.
    known = inspect.signature(QueryLoader).parameters
    options: dict[str, Any] = {"mandatory_parameters": False} if "mandatory_parameters" in known else {}
    return QueryLoader(_Unchanged(), {}, **options), (SQLParseException, SQLLoadException, ValueError)  # type: ignore[arg-type]
