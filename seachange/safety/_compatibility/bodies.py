"""Functions and views that a change breaks or takes with it, although no revision names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from seachange.postgres.catalog import Catalog
from seachange.safety._compatibility.blame import blame, words_of
from seachange.safety._compatibility.values import Case, Effect, Failure, Place, Step

__all__ = ["find_broken_bodies", "find_dropped"]

_BODY = "write the function anew in the same revision, so that it fits the schema before and after"
_CASCADE = "make it anew in the same revision, or name it in a DROP of its own so that somebody has decided it"
_GONE = "release code that does not use it any more, and drop it one release later"
_NAMES = re.compile(r'"((?:[^"]|"")+)"|column ([\w.]+) ')
_LONGEST = 80


def find_broken_bodies(case: Case) -> Iterator[Effect]:
    """Yield the functions with statements that the old schema takes and the new one does not.

    :param case: the schemas, with what was found in the functions of both.
    """
    groups: dict[tuple[str, str], list[tuple[str, Failure]]] = {}
    for (function, table, statement), failure in case.bodies_after.failures.items():
        if (function, table, statement) not in case.bodies_before.failures:
            groups.setdefault((function, table), []).append((statement, failure))
    for (function, table), found in sorted(groups.items()):
        yield _broken(case, function, found, table=table)


def _broken(case: Case, function: str, found: list[tuple[str, Failure]], *, table: str) -> Effect:
    before, after = (bodies.definitions.get(function) for bodies in (case.bodies_before, case.bodies_after))
    as_before = before == after
    statement, failure = found[0]
    text = " ".join(statement.split())
    shown = f", {text if len(text) <= _LONGEST else text[:_LONGEST] + '...'}" if text else ""
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    place = next((place for _, each in found if (place := _place(case.steps, each)).revision), Place())
    by = f", called by triggers on {table}," if table else ""
    since = f" since revision {place.revision}" if place.revision else ""
    return Effect(
        # One that is written anew may make tables of its own, which nobody can look at.
        impact="breaking" if as_before else "neutral",
        severity="error" if as_before else "warning",
        rule="SC709",
        table=function,
        message=f"function {function}{by} fails{since}: {failure.message}{shown}{more}",
        hint=_BODY,
        place=place,
        statements=(f"function {function}",),
    )


def _place(steps: Sequence[Step], failure: Failure) -> Place:
    words = [name for quoted, bare in _NAMES.findall(failure.message) for name in words_of(quoted or bare)]
    return blame(steps, lambda catalog: _mentioned(catalog, words), words=words)


def _mentioned(catalog: Catalog, words: Sequence[str]) -> object:
    """Return what a catalogue has under some names: relations, columns, types and functions."""
    relations = [(each.qualified, each.name) for each in (*catalog.tables, *catalog.views)]
    columns = [
        (each.qualified, column.name, column.type) for each in (*catalog.tables, *catalog.views) for column in each.columns
    ]
    others = [(each.qualified, each.name) for each in (*catalog.enums, *catalog.domains, *catalog.functions)]
    return [each for each in (*relations, *columns, *others) if each[1] in words]


def find_dropped(case: Case) -> Iterator[Effect]:
    """Yield the views, functions and triggers that are gone: by CASCADE without being named, or by name.

    :param case: the code and the schemas.
    """
    now = _objects(case.new.catalog)
    for lost in sorted(_objects(case.old.catalog) - now):
        _, name, table = lost
        with_its_table = table and table not in case.new.relations
        if not with_its_table and name not in case.code.tables:
            yield from _dropped(case, lost, named=_is_named(case.steps, lost))


def _is_named(steps: Sequence[Step], lost: tuple[str, str, str]) -> bool:
    step = next((step for step in steps if lost in _objects(step.before) and lost not in _objects(step.after)), None)
    return step is None or any(_names(statement.sql, lost[1]) for statement in step.statements)


def _objects(catalog: Catalog) -> set[tuple[str, str, str]]:
    found = {("view", view.qualified, "") for view in catalog.views}
    found |= {("function", function.qualified, "") for function in catalog.functions}
    relations = (*catalog.tables, *catalog.views)
    return found | {("trigger", trigger.name, each.qualified) for each in relations for trigger in each.triggers}


def _names(sql: str, name: str) -> bool:
    bare = words_of(name.partition("(")[0])[0]
    return bool(re.search(rf"(?<!\w){re.escape(bare)}(?!\w)", sql, re.IGNORECASE))


def _dropped(case: Case, lost: tuple[str, str, str], *, named: bool) -> Iterator[Effect]:
    kind, name, table = lost
    if named and kind == "trigger":
        return
    words = [*words_of(name.partition("(")[0], table), *(() if named else ("cascade",))]
    place = blame(case.steps, lambda catalog: lost in _objects(catalog), words=words)
    subject = f"{kind} {name}{f' of {table}' if table else ''}"
    identity = case.old.identities.get((name, ""))
    now = case.new.names.get(identity) if identity else None
    if now:
        said = f"{subject} is renamed to {now[0]}{place.words}: code that names it fails, which models do not tell"
    elif named:
        said = f"{subject} is dropped{place.words}: code that names it fails, which models do not tell"
    else:
        said = f"{subject} is dropped{place.words} through CASCADE, without being named: what relies on it fails or does without"
    yield Effect(
        impact="neutral" if named else "breaking",
        severity="warning" if named else "error",
        rule="SC708",
        table=table or name,
        message=said,
        hint=_GONE if named else _CASCADE,
        place=place,
    )
