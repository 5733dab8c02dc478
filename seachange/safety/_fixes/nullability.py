"""NOT NULL without a scan under a lock: by a validated check, or natively from PostgreSQL 18 on."""

from __future__ import annotations

from seachange.postgres.catalog import Table, qualified
from seachange.safety._fixes.source import Statement
from seachange.safety._fixes.steps import Known, Rewrite, Step
from seachange.safety._fixes.writing import autocommit, call, execute, text

__all__ = ["prove_not_null", "proving"]

_LONGEST_NAME = 63


def prove_not_null(statement: Statement, known: Known) -> Rewrite | None:
    """Return ``op.alter_column(..., nullable=False)`` as steps that scan without blocking; None when nothing would be scanned."""
    table = known.table(statement.table, statement.schema)
    scanned = any(each.verified or each.rewrites for each in known.at(statement))
    if table is None or statement.arguments.get("nullable") is not False or not scanned:
        return None
    column = known.column(table, statement.text("column_name"))
    if column is None or column.not_null:
        return None
    others = {"type_", "server_default", "comment", "new_column_name"} & set(statement.arguments)
    rest = statement.edited(add={}, without=("nullable",), width=known.width) if others else None
    if statement.sql:
        forth, back = statement.code, execute(_dropping(table, column.name, statement.schema), width=known.width)
    else:
        forth = statement.edited(add={}, without=tuple(others), width=known.width)
        back = statement.edited(add={"nullable": "True"}, without=tuple(others), width=known.width)
    added, *later = proving(table, column.name, known, forth=forth, back=back, schema=statement.schema)
    name = column.name
    undone = known.undoing(op="alter_column", table_name=table.name, column_name=name, nullable=True)
    only = tuple(each for each in undone if not {"type_", "server_default", "comment", "new_column_name"} & set(each.arguments))
    way = "natively" if known.major >= 18 else "through a validated check"
    return Rewrite(
        here=(*((rest,) if rest else ()), *added.up),
        steps=tuple(later),
        undone=only[:1],
        back=added.down,
        names=frozenset({name}),
        said=(f"{table.qualified}.{name} becomes NOT NULL {way}",),
    )


def _dropping(table: Table, column: str, schema: str) -> str:
    return f"ALTER TABLE {qualified(*filter(None, (schema, table.name)))} ALTER COLUMN {qualified(column)} DROP NOT NULL"


def proving(table: Table, column: str, known: Known, *, forth: str, back: str, schema: str = "") -> tuple[Step, ...]:
    """Return the steps to NOT NULL: the first is brief and may stand among other statements, the second scans beside writers.

    :param table: the table.
    :param column: the column.
    :param known: what is known.
    :param forth: code that sets NOT NULL.
    :param back: code that drops it.
    :param schema: the schema as the revision writes it.
    """
    target = qualified(schema, table.name) if schema else qualified(table.name)
    named = [text(table.name), *([f"schema={text(schema)}"] if schema else [])]
    native = known.major >= 18
    name = f"{table.name}_{column}_not_null"[:_LONGEST_NAME] if native else f"ck_{table.name}_{column}_not_null"[:_LONGEST_NAME]
    condition = f"NOT NULL {qualified(column)}" if native else f"CHECK ({qualified(column)} IS NOT NULL)"
    add = execute(f"ALTER TABLE {target} ADD CONSTRAINT {qualified(name)} {condition} NOT VALID", width=known.width)
    drop = call("op.drop_constraint", [text(name), *named], width=known.width)
    validate = execute(f"ALTER TABLE {target} VALIDATE CONSTRAINT {qualified(name)}", width=known.width)
    first = Step(kind="ddl", title=f"Check {column} of {table.name}", up=(add,), down=(drop,))
    second = Step(kind="validate", title=f"Validate {name}", up=(validate,), down=(drop, add))
    if native:
        return first, second
    # Undone, the check is there and valid again, so that the step can be made once more without a scan.
    gone = execute(f"ALTER TABLE {target} DROP CONSTRAINT IF EXISTS {qualified(name)}", width=known.width - 4)
    third = Step(
        kind="ddl",
        title=f"Set {column} of {table.name} not null",
        up=(forth, drop),
        down=(autocommit([gone, add, validate]), back),
    )
    return first, second, third
