"""The class of a view, or of a table that nothing identifies the rows of."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync._typescript import jsdoc, line_comment, literal, template
from seachange.sync.model import Table, View
from seachange.sync.targets.typeorm._index import index_lines
from seachange.sync.targets.typeorm._plan import Plan
from seachange.sync.targets.typeorm._text import Source, call

__all__ = ["view"]


def view(plan: Plan, one: Table | View) -> Source:
    """Return the class of a view or of a table without a key.

    :param plan: what was decided.
    :param one: the view or table.
    """
    types = [name for column in one.columns for name in plan.types.delivered(column)["types"]]
    return Source(text="\n".join(_lines(plan, one)) + "\n", types=frozenset(types))


def _lines(plan: Plan, one: Table | View) -> Iterator[str]:
    yield from jsdoc(one.comment)
    if isinstance(one, Table):
        yield from line_comment(
            "A table without a key: TypeORM saves no rows of it, but reads them, and inserts by a query builder."
        )
    known = plan.recorded.views.get(one.key)
    given = {"schema": literal(one.schema), "name": literal(one.name)}
    if isinstance(one, View):
        given |= {"materialized": "true"} if one.kind == "materialized view" else {}
        given |= {"expression": template(known or one.definition.strip().removesuffix(";"))}
        for index in one.indexes:
            yield from index_lines(index, plan.names.properties[one.key])
    # TypeORM compares views with its own record of those that it has made, and would make all others anew.
    yield from call("ViewEntity", [given | ({} if known else {"synchronize": "false"})])
    yield f"export class {plan.names.classes[one.key]} {{"
    yield "\n\n".join("\n".join(_column(plan, one, name)) for name in one.by_name)
    yield "}"


def _column(plan: Plan, one: Table | View, name: str) -> Iterator[str]:
    column = one.by_name[name]
    value = plan.types.delivered(column)["value"]
    null = " | null" if column.nullable and value != "unknown" else ""
    yield from jsdoc(column.comment, indent="  ")
    yield from call("ViewColumn", [{"name": literal(name)}], indent="  ")
    yield f"  {plan.names.properties[one.key][name]}!: {value}{null};"
