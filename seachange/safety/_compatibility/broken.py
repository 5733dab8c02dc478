"""Statements that the new schema does not take any more, told by table and column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from seachange.postgres.catalog import Catalog
from seachange.safety._compatibility.blame import blame, words_of
from seachange.safety._compatibility.values import Case, Effect, Failure, Query

__all__ = ["find_broken", "statements_of", "told"]

_SHOWN = 4

_RENAMED = (
    "expand and contract: add {new} beside {old}, let the code write both and fill old rows, read {new}, "
    "and drop {old} when no running version names it"
)
_TABLE_RENAMED = "expand and contract: keep a view {old} over {new} until no running version names it (docs/compatibility.md)"
_DROPPED = "release code that does not map {old} any more, and drop it one release later"
_MISFIT = "expand and contract: a new column with the new type, filled beside the old one (docs/compatibility.md)"
_REFUSED = "release code that does not send it any more, and change the schema one release later"

_TYPES = frozenset({"42804", "42883", "42846", "42725"})


def find_broken(case: Case) -> Iterator[Effect]:
    """Yield what is hit for each table and column: gone or renamed, of a type that does not fit, or what the server says.

    :param case: the code and the schemas.
    """
    groups: dict[tuple[str, str], list[tuple[Query, Failure]]] = {}
    for number, failure in case.broken.items():
        query = case.code.queries[number]
        for subject in _subjects(case, query, failure):
            groups.setdefault(subject, []).append((query, failure))
    for (table, column), hits in sorted(groups.items()):
        # The server's words for a join name an alias.
        yield _effect(case, (table, column), sorted(hits, key=lambda hit: hit[0].kind == "join"))


def statements_of(queries: Iterable[Query]) -> tuple[str, ...]:
    """Return in words which statements these are, one entry for each class or table.

    :param queries: the statements.
    """
    kinds: dict[str, dict[str, None]] = {}
    for query in queries:
        kinds.setdefault(query.owner, {})[query.kind] = None
    return tuple(f"{_listed(list(found))} of {owner}" for owner, found in kinds.items())


def told(statements: Sequence[str]) -> str:
    """Return statements as one text, of many only the first ones.

    :param statements: as :func:`statements_of` gives them.
    """
    more = f" and {len(statements) - _SHOWN} more" if len(statements) > _SHOWN else ""
    return "; ".join(statements[:_SHOWN]) + more


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _subjects(case: Case, query: Query, failure: Failure) -> list[tuple[str, str]]:
    """Return the tables and columns that a statement names and the new schema does not have, else the table that it is about."""
    named = [(table, column) for table, columns in query.uses.items() for column in columns]
    gone = _gone(case, named)
    if not gone:
        gone = [(table, column) for table, column in named if column in failure.message and _retyped(case, table, column)]
    if not gone:
        every = [(table.name, column.name) for table in case.code.tables.values() for column in table.columns]
        gone = [(table, column) for table, column in _gone(case, every) if (column or table) in failure.message]
    return gone or [(query.table, "")]


def _retyped(case: Case, table: str, column: str) -> bool:
    before, after = case.old.column(table, column), case.new.column(table, column)
    return before is not None and after is not None and before.type != after.type


def _gone(case: Case, named: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for table, column in named:
        if table in case.old.relations and table not in case.new.relations:
            found[table, ""] = None
        elif case.old.column(table, column) and not case.new.column(table, column):
            found[table, column] = None
    return list(found)


def _effect(case: Case, key: tuple[str, str], hits: list[tuple[Query, Failure]]) -> Effect:
    table, column = key
    statements = statements_of(query for query, _ in hits)
    failing = f"{told(statements)} {'fail' if len(hits) > 1 else 'fails'}: {hits[0][1].message}"
    gone = table not in case.new.relations or (column and not case.new.column(table, column))
    rule, said, hint = _renamed_or_dropped(case, table, column) if gone else _refused(hits[0][1])
    subject = f"{table}.{column}" if column else table

    def look(catalog: Catalog) -> object:
        return _there(catalog, table, column) if gone else _shape(catalog, table)

    place = blame(case.steps, look, words=words_of(column or table, table))
    return Effect(
        impact="breaking",
        severity="error",
        rule=rule,
        table=table,
        column=column,
        message=f"{subject} {said}{place.words}: {failing}" if said else f"{subject}: {failing}",
        hint=hint,
        place=place,
        statements=statements,
    )


def _renamed_or_dropped(case: Case, table: str, column: str) -> tuple[str, str, str]:
    old = column or table
    identity = case.old.identities.get((table, column))
    now: tuple[str, str] | None = case.new.names.get(identity) if identity else None
    if now is None or (column and not case.new.column(*now)):
        return "SC704", "is dropped", _DROPPED.format(old=old)
    if column:
        return "SC701", f"is renamed to {now[1]}", _RENAMED.format(old=old, new=now[1])
    return "SC702", f"is renamed to {now[0]}", _TABLE_RENAMED.format(old=old, new=now[0])


def _refused(failure: Failure) -> tuple[str, str, str]:
    if failure.sqlstate in _TYPES:
        return "SC706", "has another type", _MISFIT
    return "SC708", "", _REFUSED


def _there(catalog: Catalog, table: str, column: str) -> bool:
    relation = next((each for each in (*catalog.tables, *catalog.views) if each.qualified == table), None)
    return relation is not None and (not column or any(each.name == column for each in relation.columns))


def _shape(catalog: Catalog, table: str) -> object:
    for each in (*catalog.tables, *catalog.views):
        if each.qualified == table:
            return [(column.name, column.type, column.generated, column.identity) for column in each.columns]
    return None
