"""The SQL inside of PL/pgSQL: variables, and every static statement and expression with parameters in their place."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from seachange.safety.parsing import find, kind

__all__ = ["Body", "Record", "Sent", "read_body", "with_parameters"]

# libpg_query writes the variables of triggers, of which it says nothing, as "{}}" in the list of all.
_MISWRITTEN = re.compile(r'"(?:[^"\\]|\\.)*"|(?<=[\[,])\{\}\}')
_NAME = rb'(?:"(?:[^"]|"")+"|[A-Za-z_\x80-\xff][\w$\x80-\xff]*)'
_ASSIGNED = re.compile(r"[^:=]*?:?=(.*)", re.DOTALL)
_STATEMENT, _EXPRESSION = 0, 2
_OF_TRIGGERS = {
    "tg_argv": "text[]",
    "tg_event": "text",
    "tg_level": "text",
    "tg_name": "name",
    "tg_nargs": "integer",
    "tg_op": "text",
    "tg_relid": "oid",
    "tg_relname": "name",
    "tg_table_name": "name",
    "tg_table_schema": "name",
    "tg_tag": "text",
    "tg_when": "text",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sent:
    """A statement, or an expression as a SELECT; ``into`` is the number of the record that gets its rows, -1 for none."""

    sql: str
    into: int = -1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """A variable without a type that the text tells; ``fields`` are those that the function uses."""

    number: int
    fields: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Body:
    """What a function says: variables by name with their types, records by name, and what it sends."""

    types: Mapping[str, str]
    records: Mapping[str, Record]
    sent: tuple[Sent, ...]


def read_body(definition: str) -> Body | None:
    """Return what a CREATE FUNCTION says, None when it cannot be parsed.

    :param definition: as ``pg_get_functiondef`` gives it.
    """
    import postgast

    try:
        parsed = postgast.parse_plpgsql(definition)
    except json.JSONDecodeError as exc:
        parsed = json.loads(_MISWRITTEN.sub(lambda found: "{}" if found[0] == "{}}" else found[0], exc.doc))
    except postgast.PgQueryError:
        return None
    if not parsed:
        return None
    function = parsed[0]["PLpgSQL_function"]
    datums = function.get("datums", ())
    variables = [datum["PLpgSQL_var"] for datum in datums if "PLpgSQL_var" in datum]
    types = {each["refname"].lower(): each["datatype"]["PLpgSQL_type"]["typname"] for each in variables}
    return Body(types=_OF_TRIGGERS | types, records=_records(datums), sent=tuple(dict.fromkeys(_sent(function))))


def _records(datums: list[Mapping[str, Any]]) -> dict[str, Record]:
    fields: dict[int, list[str]] = {}
    for datum in datums:
        if found := datum.get("PLpgSQL_recfield"):
            fields.setdefault(found.get("recparentno", 0), []).append(found["fieldname"])
    records = [datum["PLpgSQL_rec"] for datum in datums if "PLpgSQL_rec" in datum]
    return {
        each["refname"].lower(): Record(number=each.get("dno", 0), fields=tuple(fields.get(each.get("dno", 0), ())))
        for each in records
    }


def _sent(node: Any, *, into: int = -1) -> Iterator[Sent]:
    if isinstance(node, list):
        for each in node:
            yield from _sent(each)
        return
    if not isinstance(node, dict):
        return
    for name, inner in node.items():
        if name == "PLpgSQL_expr":
            if text := _text(inner["query"], inner.get("parseMode", _STATEMENT)):
                yield Sent(sql=text, into=into)
        elif name in ("query", "sqlstmt"):
            yield from _sent(inner, into=_target(node))
        else:
            yield from _sent(inner)


def _target(statement: Mapping[str, Any]) -> int:
    """Return the number of the record that FOR or INTO fills, -1 when there is none."""
    for field in ("var", "target"):
        record = (statement.get(field) or {}).get("PLpgSQL_rec")
        if record is not None:
            return int(record.get("dno", 0))
    return -1


def _text(query: str, mode: int) -> str:
    if mode == _STATEMENT:
        return query
    if mode == _EXPRESSION:
        return f"SELECT {query}"
    # The others are assignments, to a variable or a field or an element of one.
    assigned = _ASSIGNED.fullmatch(query)
    return f"SELECT {assigned[1]}" if assigned else ""


def with_parameters(
    sql: str, *, types: Mapping[str, str], records: Mapping[str, Mapping[str, str]], label: str = ""
) -> str | None:
    """Return a statement with a parameter in the place of each variable; None when it cannot be parsed.

    :param sql: the statement.
    :param types: types of variables by name; an empty one lets the server infer it.
    :param records: of records the types of their fields, by name; a field that is not named has no type.
    :param label: what names of variables may be prefixed with: the function's name.
    """
    import postgast

    try:
        # Not what the rules share: there the places of a text with placeholders are others.
        trees = [postgast.unwrap_node(each.stmt) for each in postgast.parse(sql).stmts]
    except postgast.PgQueryError:
        return None
    taken = {name.lower() for tree in trees for each in find(tree, "RangeVar") for name in (each.relname, each.alias.aliasname)}
    data = sql.encode()
    edits = []
    for reference in (each for tree in trees for each in find(tree, "ColumnRef", "ParamRef")):
        edit = _edit(data, reference, types=types, records=records, label=label, taken=taken)
        if edit:
            edits.append(edit)
    return _edited(data, sorted(set(edits)))


def _edited(data: bytes, edits: list[tuple[int, int, str]]) -> str:
    pieces, at = [], 0
    for number, (begin, end, type_name) in enumerate(edits, start=1):
        pieces += [data[at:begin], f"(${number}::{type_name})".encode() if type_name else f"${number}".encode()]
        at = end
    return b"".join([*pieces, data[at:]]).decode()


def _edit(
    data: bytes,
    reference: Any,
    *,
    types: Mapping[str, str],
    records: Mapping[str, Mapping[str, str]],
    label: str,
    taken: set[str],
) -> tuple[int, int, str] | None:
    """Return where a variable stands in the text, and its type; None when the name is no variable."""
    begin = reference.location
    if kind(reference) == "ParamRef":
        name = f"${reference.number}"
        return (begin, begin + len(name), types.get(name, "")) if name in types else None
    names = [each.string.sval if each.HasField("string") else "*" for each in reference.fields]
    skipped = 1 if len(names) > 1 and names[0] == label and label not in taken else 0
    first = names[skipped].lower()
    if not skipped and first in taken:
        return None
    if first in records and len(names) > skipped + 1:
        field = names[skipped + 1]
        return (begin, _end(data, begin, count=skipped + 2), records[first].get(field, "")) if field != "*" else None
    if first in types:
        return begin, _end(data, begin, count=skipped + 1), types[first]
    return (begin, _end(data, begin, count=skipped + 1), "") if first in records else None


def _end(data: bytes, begin: int, *, count: int) -> int:
    """Return where the first ``count`` parts of a name end."""
    found = re.compile(rb"\s*\.\s*".join([_NAME] * count)).match(data, begin)
    return found.end() if found else begin
