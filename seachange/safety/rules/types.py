"""Section A, types: what changing the type of a column costs."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.safety.facts import RevisionFacts
from seachange.safety.rules import Context, Rule, Verdict, rule
from seachange.safety.rules._steps import Step, column_of, steps
from seachange.safety.rules._work import Work, verdict_of, works
from seachange.safety.rules._zones import is_utc, pins_zone, zone_of

__all__ = ["changed_collation", "changed_enum", "changed_type", "changed_zone", "rechecked_type"]

_SWAP = """\
op.add_column("orders", sa.Column("amount_new", sa.BigInteger(), nullable=True))
# a trigger keeps both equal; fill the old rows in batches, each committed; then, in a short transaction:
op.drop_column("orders", "amount")
op.alter_column("orders", "amount_new", new_column_name="amount")"""


def _subject(work: Work) -> str:
    """Return which column gets which type instead of which."""
    if work.step is None or work.step.command is None:
        return "changing a type"
    before = column_of(work.facts.before, work.step.table, name=work.about)
    return f"changing {work.about} from {before.type} to {work.step.command.type}" if before else _target(work.step)


def _target(step: Step) -> str:
    return f"changing {step.name} to {step.command.type}" if step.command else "changing a type"


@rule(
    Rule(
        id="SC109",
        name="type-change",
        title="Changing the type of a column rewrites the table",
        severity="error",
        proof="proven",
        reason="Unless the old type's bytes serve for the new one, each row is converted and the table and all its indexes "
        "are written anew under ACCESS EXCLUSIVE. Free are, for instance, a longer varchar, varchar to text, numeric "
        "with more digits and the same scale, cidr to inet; int to bigint, a shorter varchar, another scale, jsonb to "
        "json and enum to text are not.",
        source="ALTER TABLE, Notes; measured on 14 to 18: tests/battery",
        remedy="add a column of the new type, keep both by a trigger, fill the old rows in batches, then swap",
        example=_SWAP,
    )
)
def changed_type(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield changes of types that made the server rewrite a table."""
    for work in works(facts, "type"):
        yield verdict_of(work, work.sentence(_subject(work)), rule="SC109", context=context)


@rule(
    Rule(
        id="SC111",
        name="type-change-rechecks",
        title="Changing the type of a column reads all rows or builds its indexes anew",
        severity="error",
        proof="proven",
        reason="Without a rewrite there may still be work under ACCESS EXCLUSIVE: CHECK constraints on the column are tried "
        "again on every row, and indexes whose operator class changes are built anew. A view that uses the column "
        "stops the statement.",
        source="ALTER TABLE, Notes; measured on 14 to 18: tests/battery",
        remedy="drop the constraint or index first, add it NOT VALID or build it concurrently afterwards; drop and create "
        "views in the same transaction",
        example='op.drop_constraint("name_short", "orders")\n'
        'op.alter_column("orders", "name", type_=sa.Text())\n'
        'op.create_check_constraint("name_short", "orders", "length(name) < 100", postgresql_not_valid=True)\n'
        "# in the next revision: VALIDATE CONSTRAINT",
    )
)
def rechecked_type(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield changes of types that read or index a table without a rewrite, and those that a view stops."""
    for work in works(facts, "type check", "type index"):
        yield verdict_of(work, work.sentence(_subject(work)), rule="SC111", context=context)
    for step in steps(facts, "AlterColumnType"):
        error = step.statement.error
        if error and "used by a view or rule" in error.message:
            message = f"{_target(step)} fails: {error.message}"
            yield Verdict(rule="SC111", message=message, statement=step.statement, table=step.table)


@rule(
    Rule(
        id="SC112",
        name="collation-change",
        title="Another collation builds the column's indexes anew",
        severity="error",
        proof="proven",
        reason="COLLATE changes no stored byte, hence no rewrite, but the order of the texts: each index on the column is "
        "built anew while ACCESS EXCLUSIVE is held.",
        source="ALTER TABLE, SET DATA TYPE; measured on 14 to 18: tests/battery",
        remedy="build an index with the new collation concurrently and let queries name it, instead of changing the column",
        example="with op.get_context().autocommit_block():\n"
        '    op.create_index("orders_name_c", "orders", [sa.text(\'name COLLATE "C"\')], postgresql_concurrently=True)',
    )
)
def changed_collation(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield changed collations that made the server build indexes."""
    for work in works(facts, "collation"):
        yield verdict_of(work, work.sentence(f"changing the collation of {work.about}"), rule="SC112", context=context)


@rule(
    Rule(
        id="SC113",
        name="time-zone-change",
        title="timestamp and timestamptz are converted unless TimeZone is UTC",
        severity="error",
        proof="proven",
        reason="Both types store the same number of microseconds, and the server knows it: while the session's TimeZone is "
        "UTC nothing is rewritten. With any other it rewrites the table under ACCESS EXCLUSIVE, and the instants "
        "depend on that setting.",
        source="ALTER TABLE, Notes; measured on 14 to 18 with UTC and Europe/Oslo: tests/battery",
        remedy="pin the setting in the transaction: op.execute(\"SET LOCAL timezone TO 'UTC'\"), if the values are meant as UTC",
        example="op.execute(\"SET LOCAL timezone TO 'UTC'\")\n"
        'op.alter_column("orders", "placed", type_=sa.DateTime(timezone=True))',
    )
)
def changed_zone(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield conversions between timestamps with and without time zone that rewrite here, or would on the real server."""
    rewritten = set()
    for work in works(facts, "zone"):
        rewritten.add(work.statement.number)
        if work.step and _has_using(work.step):
            message = f"{work.sentence(f'{_subject(work)} by USING')}; without USING, in time zone UTC, nothing is rewritten"
        else:
            message = work.sentence(f"{_subject(work)} in time zone {zone_of(work.statement)}")
        yield verdict_of(work, message, rule="SC113", context=context)
    for step in steps(facts, "AlterColumnType"):
        if _is_free_here(step) and step.statement.number not in rewritten and not pins_zone(facts, step.statement):
            yield from _elsewhere(step, context)


def _has_using(step: Step) -> bool:
    return step.command is not None and bool(step.command.column.HasField("raw_default"))


def _is_free_here(step: Step) -> bool:
    before = column_of(step.facts.before, step.table, name=step.name)
    after = column_of(step.facts.after, step.table, name=step.name)
    if not before or not after or not step.existed:
        return False
    zoned = [each.type.startswith("timestamp") and "with time zone" in each.type for each in (before, after)]
    return before.type.startswith("timestamp") and after.type.startswith("timestamp") and zoned[0] != zoned[1]


def _elsewhere(step: Step, context: Context) -> Iterator[Verdict]:
    told = context.environment.settings.get("TimeZone", "") if context.environment else ""
    if is_utc(told):
        return
    where = f"on the real server, whose TimeZone is {told}," if told else "where TimeZone is another,"
    free = f"rewrites nothing in time zone {zone_of(step.statement) or 'UTC'}"
    yield Verdict(
        rule="SC113",
        message=f"{_target(step)} {free}, but {where} it rewrites {step.table}",
        statement=step.statement,
        table=step.table,
        severity="error" if told else "warning",
        provenance="inferred",
    )


@rule(
    Rule(
        id="SC122",
        name="enum-swap",
        title="Replacing an enum type rewrites every table that uses it",
        severity="error",
        proof="proven",
        reason="Renaming the old type, making a new one and casting the columns over, as sync_enum_values of "
        "alembic-postgresql-enum does, rewrites each referencing table under ACCESS EXCLUSIVE. A label that is only "
        "added needs ALTER TYPE ... ADD VALUE, which locks no table.",
        source="ALTER TYPE, ADD VALUE; alembic-postgresql-enum issues 133 and 134; measured on 14 to 18: tests/battery",
        remedy="ALTER TYPE ... ADD VALUE for new labels; leave labels that are no longer used, or forbid them by a CHECK",
        example="with op.get_context().autocommit_block():\n    op.execute(\"ALTER TYPE mood ADD VALUE IF NOT EXISTS 'calm'\")",
    )
)
def changed_enum(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield columns that were cast from one enum to another with a rewrite."""
    for work in works(facts, "enum"):
        yield verdict_of(work, work.sentence(f"casting {work.about} to another enum"), rule="SC122", context=context)
