"""Check constraints and foreign keys added NOT VALID, and validated in a revision of their own."""

from __future__ import annotations

from seachange.postgres.catalog import Table, qualified
from seachange.safety._fixes.meanings import not_valid
from seachange.safety._fixes.partitioned import key_by_partition
from seachange.safety._fixes.source import Statement
from seachange.safety._fixes.steps import Known, NotFixableError, Rewrite, Step
from seachange.safety._fixes.writing import call, execute, text

__all__ = ["validate_later", "validation"]

# From this version on a partitioned table takes a foreign key that is NOT VALID.
_KEYS_OF_PARTITIONED = 18


def validate_later(statement: Statement, known: Known) -> Rewrite | None:
    """Return a check constraint or foreign key that is validated later; None when nothing would be scanned."""
    table = known.table(statement.table, statement.schema)
    scanned = any(each.scans or each.verified for each in known.at(statement))
    if table is None or not scanned or statement.arguments.get("postgresql_not_valid") is True:
        return None
    if table.kind == "partitioned table" and statement.meaning == "create_foreign_key" and known.major < _KEYS_OF_PARTITIONED:
        return key_by_partition(statement, table, known)
    name = _name(statement, table, known)
    if statement.sql:
        added = statement.with_sql(not_valid(statement.sql), width=known.width)
    else:
        added = statement.edited(add={"postgresql_not_valid": "True"}, width=known.width)
    return Rewrite(
        here=(added,),
        steps=(validation(table, name, again=added, known=known, schema=statement.schema),),
        names=frozenset({name}),
        said=(f"{name} of {table.qualified} is added NOT VALID and validated in a revision of its own",),
    )


def validation(table: Table, name: str, *, again: str, known: Known, schema: str = "") -> Step:
    """Return the step that validates a constraint; undone, the constraint is there and not valid.

    :param table: its table.
    :param name: its name.
    :param again: code that adds it NOT VALID.
    :param known: what is known.
    :param schema: the schema as the revision writes it.
    """
    sql = f"ALTER TABLE {_target(table, schema)} VALIDATE CONSTRAINT {qualified(name)}"
    arguments = [text(name), text(table.name), *([f"schema={text(schema)}"] if schema else [])]
    return Step(
        kind="validate",
        title=f"Validate {name}",
        up=(execute(sql, width=known.width),),
        down=(call("op.drop_constraint", arguments, width=known.width), again),
    )


def _target(table: Table, schema: str) -> str:
    return qualified(schema, table.name) if schema else qualified(table.name)


def _name(statement: Statement, table: Table, known: Known) -> str:
    """Return the name of the constraint, or that which the server or a naming convention has given it."""
    kind = "foreign key" if statement.meaning == "create_foreign_key" else "check"
    there = {each.name for each in table.constraints}
    after = known.table(table.name, table.schema, after=True)
    new = [each.name for each in (after.constraints if after else ()) if each.kind == kind and each.name not in there]
    if statement.name in new or (statement.name and not new):
        return statement.name
    if len(new) == 1:
        return new[0]
    raise NotFixableError("the constraint has no name in the revision", manual="name it, then run this command again")
