"""What functions say to the schema they are in: bodies that PostgreSQL looks at only when it runs them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seachange.postgres.catalog import qualified
from seachange.safety._compatibility.plpgsql import Body, read_body, with_parameters
from seachange.safety._compatibility.preparing import describe, failure_of
from seachange.safety._compatibility.values import Bodies, Failure

if TYPE_CHECKING:
    import psycopg

__all__ = ["check_functions"]

_FUNCTIONS = """
select n.nspname::text, p.proname::text, pg_get_function_identity_arguments(p.oid), l.lanname::text, pg_get_functiondef(p.oid),
  p.prosrc, p.proargnames, array(select format_type(t, null) from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) t),
  (select substr(c, 13) from unnest(p.proconfig) c where c like 'search_path=%%'),
  array(select distinct tgrelid::bigint from pg_trigger where tgfoid = p.oid and not tgisinternal and tgparentid = 0 order by 1)
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where l.lanname in ('plpgsql', 'sql') and p.prokind in ('f', 'p') and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'seachange')
  and not exists (select from pg_catalog.pg_depend d
                  where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
order by 1, 2, 3
"""
_COLUMN_TYPE = """
select format_type(atttypid, atttypmod) from pg_catalog.pg_attribute
where attrelid = to_regclass(%s) and attname = %s and not attisdropped
"""
_FIELDS = "select attname::text from pg_catalog.pg_attribute where attrelid = to_regclass(%s) and not attisdropped"
_LIKE_COLUMN = re.compile(r"(.*)\.([^.]+)%type", re.IGNORECASE)
_ROW = re.compile(r"(.*)%rowtype", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Function:
    """A function with what a check of its body needs; ``triggers`` are the tables whose triggers call it."""

    schema: str
    name: str
    identity: str
    language: str
    definition: str
    source: str
    arguments: Mapping[str, str]
    path: str
    triggers: tuple[str, ...]

    @property
    def qualified(self) -> str:
        """The name with its schema and the types of its arguments."""
        return f"{qualified(self.schema, self.name)}({self.identity})"


def check_functions(connection: psycopg.Connection[Any]) -> Bodies:
    """Look at the bodies of all functions in SQL and PL/pgSQL of the connected database, which is a throwaway.

    :param connection: in autocommit mode, without a transaction.
    """
    definitions: dict[str, str] = {}
    failures: dict[tuple[str, str, str], Failure] = {}
    for function in _functions(connection):
        definitions[function.qualified] = function.definition
        found = _of_sql(connection, function) if function.language == "sql" else _of_plpgsql(connection, function)
        failures |= {(function.qualified, table, statement): failure for table, statement, failure in found}
    return Bodies(definitions=definitions, failures=failures)


def _functions(connection: psycopg.Connection[Any]) -> list[_Function]:
    tables = dict(connection.execute("select oid::bigint, oid::regclass::text from pg_catalog.pg_class").fetchall())
    found = []
    for schema, name, identity, language, definition, source, names, types, path, triggers in connection.execute(
        _FUNCTIONS
    ).fetchall():
        numbered = {f"${number}": kind for number, kind in enumerate(types, start=1)}
        named = {name.lower(): kind for name, kind in zip(names or (), types, strict=False) if name}
        found.append(
            _Function(
                schema=schema,
                name=name,
                identity=identity,
                language=language,
                definition=definition,
                source=source,
                arguments=numbered | named,
                path=path or "",
                triggers=tuple(tables[oid] for oid in triggers),
            )
        )
    return found


def _of_sql(connection: psycopg.Connection[Any], function: _Function) -> Iterator[tuple[str, str, Failure]]:
    """Yield what the server says of a function in SQL when it is made once more, which is taken back."""
    session = connection.pgconn
    session.exec_(b"begin; set local check_function_bodies = on")
    try:
        failure = failure_of(session.exec_(function.definition.encode()))
    finally:
        session.exec_(b"rollback")
    if failure:
        yield "", "", failure


def _of_plpgsql(connection: psycopg.Connection[Any], function: _Function) -> Iterator[tuple[str, str, Failure]]:
    body = read_body(function.definition)
    if body is None:
        return
    (before,) = connection.execute("select current_setting('search_path')").fetchone() or ("",)
    if function.path:
        connection.pgconn.exec_(f"set search_path = {function.path}".encode())
    try:
        for table in function.triggers or ("",):
            for statement, failure in _Checked(connection, function, body=body, table=table).failures():
                yield table, statement, failure
    finally:
        if function.path:
            connection.execute("select set_config('search_path', %s, false)", [before])


class _Checked:
    """One function, called by the triggers of one table if it is a trigger's."""

    def __init__(self, connection: psycopg.Connection[Any], function: _Function, *, body: Body, table: str) -> None:
        self._connection = connection
        self._function = function
        self._body = body
        self._table = table
        self._faults: list[tuple[str, Failure]] = []
        written = {**body.types, **function.arguments}
        found = {name: self._type(name, kind) for name, kind in written.items()}
        if table:
            found |= {"new": table, "old": table}
        self._types = found | {name: kind for name in body.records if name not in found and (kind := self._declared(name))}
        self._fields: dict[str, dict[str, str]] = {name: {} for name in body.records if name not in self._types}

    def failures(self) -> Iterator[tuple[str, Failure]]:
        """Yield each statement that the server cannot prepare, and each field that a record does not get."""
        names = {record.number: name for name, record in self._body.records.items() if name in self._fields}
        filled: dict[str, set[str]] = {}
        later = []
        for sent in self._body.sent:
            if sent.into in names:
                # First the rows that records get: their fields have types then.
                described = self._prepare(sent.sql, describing=True)
                if isinstance(described, Failure):
                    yield sent.sql, described
                else:
                    filled.setdefault(names[sent.into], set()).update(described)
                    self._fields[names[sent.into]] |= described
            else:
                later.append(sent)
        for sent in later:
            failure = self._prepare(sent.sql)
            if isinstance(failure, Failure):
                yield sent.sql, failure
        for name, fields in filled.items():
            for field in self._body.records[name].fields:
                if fields and field not in fields:
                    yield f"{name}.{field}", Failure(sqlstate="42703", message=f'record "{name}" has no field "{field}"')
        yield from self._faults
        yield from self._missing_fields()

    def _missing_fields(self) -> Iterator[tuple[str, Failure]]:
        """Yield the fields of NEW and OLD that the trigger's table does not have."""
        if not self._table:
            return
        rows = self._connection.execute(_FIELDS, [self._table]).fetchall()
        there = {name for (name,) in rows}
        for name in ("new", "old"):
            record = self._body.records.get(name)
            for field in record.fields if record else ():
                if field not in there:
                    message = f'record "{name}" has no field "{field}"'
                    yield f"{name}.{field}", Failure(sqlstate="42703", message=message)

    def _prepare(self, sql: str, *, describing: bool = False) -> Failure | dict[str, str]:
        text = with_parameters(sql, types=self._types, records=self._fields, label=self._function.name)
        if text is None:
            return {}
        return describe(self._connection, text, columns=describing)

    def _type(self, name: str, written: str) -> str:
        """Return a type as SQL has it: PL/pgSQL's own ways to write one are looked up."""
        if row := _ROW.fullmatch(written):
            return row[1]
        like = _LIKE_COLUMN.fullmatch(written)
        if not like:
            return written
        found = self._connection.execute(_COLUMN_TYPE, [like[1], like[2].strip('"')]).fetchone()
        if found is None:
            message = f"{name} is declared like {written.rpartition('%')[0]}, which does not exist"
            self._faults.append((name, Failure(sqlstate="42703", message=message)))
        return str(found[0]) if found else ""

    def _declared(self, name: str) -> str:
        """Return the type that a variable is declared with, where the parser cannot tell; nothing for a record."""
        written = re.search(
            rf"\b{re.escape(name)}\s+(?:constant\s+)?([\w.\"]+(?:\[\])?)\s*(?:;|:=|=|default\b|not\s+null\b)",
            self._function.source,
            re.IGNORECASE,
        )
        if not written or written[1].lower() == "record":
            return ""
        found: Sequence[Any] | None = self._connection.execute("select to_regtype(%s)::text", [written[1]]).fetchone()
        return str(found[0]) if found and found[0] else ""
