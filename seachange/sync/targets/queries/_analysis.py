"""What the server accepted -> what Python code is told of it: types and None of every parameter and column."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from seachange.sync.targets.queries._catalog import Catalogue
from seachange.sync.targets.queries._columns import NOTHING, Column
from seachange.sync.targets.queries._describe import Described, Output
from seachange.sync.targets.queries._files import Broken, Query
from seachange.sync.targets.queries._parameters import accepting_none
from seachange.sync.targets.queries._stars import spelled_out
from seachange.sync.targets.queries._statements import Statements, learn

__all__ = ["Known", "Value", "analyse"]

_WITH_ROWS = ("many", "one", "value", "returning")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """A parameter or column: its name, the OID of its type, and whether it may be None."""

    name: str
    type: int
    nullable: bool
    relation: int = 0
    attribute: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """A query with all that is known of it; ``one_row`` says that it returns exactly one, ``sql`` has columns for stars."""

    query: Query
    sql: str
    parameters: tuple[Value, ...] = ()
    columns: tuple[Value, ...] = ()
    one_row: bool = False


def analyse(described: Sequence[Described], catalogue: Catalogue) -> list[Known | Broken]:
    """Return what is known of queries, or what is wrong with them.

    :param described: queries as the server described them.
    :param catalogue: of the server.
    """
    catalogue.learn_types(_types(described))
    trees = [_parsed(one.text.text) if one.query.operation != "script" else None for one in described]
    learn(catalogue, [tree for tree in trees if tree is not None])
    return [_known(one, tree, catalogue) for one, tree in zip(described, trees, strict=True)]


def _types(described: Iterable[Described]) -> Iterable[int]:
    for one in described:
        yield from one.parameters
        yield from (column.type for column in one.columns or ())


def _parsed(sql: str) -> Any:
    import postgast

    try:
        parsed = postgast.parse(sql)
    except postgast.PgQueryError:
        return None
    return parsed.stmts[0].stmt if len(parsed.stmts) == 1 else None


def _known(described: Described, tree: Any, catalogue: Catalogue) -> Known | Broken:
    query = described.query
    if query.operation == "script":
        return Known(query=query, sql=query.sql)
    optional = accepting_none(tree, catalogue) if tree is not None else frozenset()
    parameters = tuple(
        Value(name=name, type=oid, nullable=query.overrides.get(f":{name}", number in optional))
        for number, (name, oid) in enumerate(zip(described.text.parameters, described.parameters, strict=True), start=1)
    )

    def parameter(number: int) -> Column:
        value = parameters[number - 1]
        return Column(not_null=not value.nullable, plain=catalogue.is_plain(value.type))

    statements = Statements(catalogue, parameter)
    result = statements.result(tree) if tree is not None else None
    outputs = described.columns or ()
    judged = result.columns if result and result.columns is not None and len(result.columns) == len(outputs) else None
    columns = tuple(
        _value(output, column, query) for output, column in zip(outputs, judged or [NOTHING] * len(outputs), strict=True)
    )
    sql = spelled_out(catalogue.session, described, tree=tree, stars=statements.stars) if judged else query.sql
    one_row = bool(judged and result and result.one_row)
    return _checked(Known(query=query, sql=sql, parameters=parameters, columns=columns, one_row=one_row))


def _value(output: Output, column: Column, query: Query) -> Value:
    origin = (output.relation, output.attribute) if output.relation else None
    # The server's word on where a column comes from decides whether it was understood.
    nullable = not column.not_null or (origin is not None and origin != column.origin)
    return Value(
        name=output.name,
        type=output.type,
        nullable=query.overrides.get(output.name, nullable),
        relation=output.relation,
        attribute=output.attribute,
    )


def _checked(known: Known) -> Known | Broken:
    query = known.query
    message, hint = _mistake(known) or ("", "")
    if not message:
        return known
    return Broken(file=query.file, line=query.line, query=query.name, message=message, hint=hint)


def _mistake(known: Known) -> tuple[str, str] | None:
    """Return what is wrong with a query that the server accepts, and what to do."""
    query, width = known.query, len(known.columns)
    named = {column.name for column in known.columns} | {f":{value.name}" for value in known.parameters}
    unknown = ", ".join(sorted(set(query.overrides) - named))
    found = {
        ("returns no rows", "give it the operator !, or RETURNING what it is to return"): (
            query.operation in _WITH_ROWS and not width
        ),
        (f"operator $ takes one value, and it returns {width} columns", "use operator ^ for one row"): (
            query.operation == "value" and width > 1
        ),
        ("operator *! needs parameters", "use operator ! for one execution"): query.operation == "each" and not known.parameters,
        (f"the line of types names {unknown}, which it does not have", "parameters begin with a colon"): bool(unknown),
    }
    wrong = next((mistake for mistake, made in found.items() if made), None)
    return wrong or (_misnamed(known) if query.operation in ("many", "one") or width > 1 else None)


def _misnamed(known: Known) -> tuple[str, str] | None:
    if known.query.operation not in _WITH_ROWS:
        return None
    names = [column.name for column in known.columns]
    if "?column?" in names:
        return f"column {names.index('?column?') + 1} has no name", "give it one: AS total"
    twice = next((name for place, name in enumerate(names) if name in names[:place]), "")
    return (f"two columns have the name {twice}", "give one of them another: AS other_name") if twice else None
