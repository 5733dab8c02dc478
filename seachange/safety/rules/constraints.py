"""Section B, checks and keys: constraints that read a table or build an index, and scans under locks taken before."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seachange.safety.facts import LockMode, RevisionFacts, StatementFacts
from seachange.safety.rules import Context, Rule, Verdict, rule
from seachange.safety.rules._steps import Step, existed, modes, steps
from seachange.safety.rules._words import listed, server_said, who_waits
from seachange.safety.rules._work import Work, verdict_of, works

__all__ = ["check_added", "exclusion_added", "primary_key_added", "unique_added", "validated_at_once", "validated_under_lock"]

_MEASURED = "measured on 14 to 18: tests/battery"
_TWO = """\
op.create_check_constraint("amount_positive", "orders", "amount > 0", postgresql_not_valid=True)
# in the next revision, a transaction of its own:
op.execute("ALTER TABLE orders VALIDATE CONSTRAINT amount_positive")"""


@rule(
    Rule(
        id="SC201",
        name="check-added",
        title="A new CHECK reads the whole table",
        severity="error",
        proof="proven",
        reason="Every row is tried while ACCESS EXCLUSIVE is held. With NOT VALID the lock is held for a moment only, and "
        "VALIDATE CONSTRAINT tries the rows under SHARE UPDATE EXCLUSIVE, which stops neither readers nor writers.",
        source=f"ALTER TABLE, Notes; {_MEASURED}",
        remedy="add it NOT VALID, and VALIDATE it in another transaction",
        example=_TWO,
    )
)
def check_added(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield checks that the server tried on all rows."""
    for work in works(facts, "check"):
        yield verdict_of(work, work.sentence(f"adding {_named(work, 'CHECK')}"), rule="SC201", context=context)


@rule(
    Rule(
        id="SC203",
        name="validated-at-once",
        title="A constraint is added NOT VALID and validated in the same transaction",
        severity="error",
        proof="proven",
        reason="The lock that ADD CONSTRAINT ... NOT VALID takes for a moment is kept until the end of the transaction, "
        "hence through the scan of VALIDATE: nothing is gained over adding the constraint at once. On 1.5 million "
        "rows readers waited 192 ms, and 1 ms with two transactions.",
        source=f"ALTER TABLE, Notes; 13.3 Explicit Locking; {_MEASURED}",
        remedy="put VALIDATE CONSTRAINT into a revision of its own",
        example=_TWO,
    )
)
def validated_at_once(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield validations that run under the lock which adding the same constraint took."""
    for step, strongest, added in _validations(facts):
        if added:
            yield _validation(
                step, strongest, f"held since {step.name} was added NOT VALID in the same transaction", rule="SC203"
            )


@rule(
    Rule(
        id="SC204",
        name="validated-under-lock",
        title="A constraint is validated while others wait for a lock of the transaction",
        severity="error",
        proof="proven",
        reason="VALIDATE CONSTRAINT alone stops nobody, but it takes as long as the table is large, and whatever the "
        "transaction locked before it, that table or another, stays locked for as long.",
        source=f"13.3.1 Table-Level Locks; {_MEASURED}",
        remedy="put VALIDATE CONSTRAINT into a revision of its own",
        example=_TWO,
    )
)
def validated_under_lock(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield validations that run while an earlier statement's lock is held."""
    for step, strongest, added in _validations(facts):
        if not added:
            yield _validation(step, strongest, "held since an earlier statement of the transaction", rule="SC204")


@rule(
    Rule(
        id="SC205",
        name="unique-added",
        title="A new UNIQUE constraint builds its index under lock",
        severity="error",
        proof="proven",
        reason="The index is built while ACCESS EXCLUSIVE is held: readers wait too. NOT VALID is no way out, the server "
        "refuses it for UNIQUE. An index that was built concurrently becomes the constraint in an instant.",
        source=f"ALTER TABLE, ADD table_constraint_using_index; {_MEASURED}",
        remedy="build a unique index concurrently, then ADD CONSTRAINT ... UNIQUE USING INDEX",
        example="with op.get_context().autocommit_block():\n"
        '    op.create_index("orders_code_key", "orders", ["code"], unique=True, postgresql_concurrently=True)\n'
        'op.execute("ALTER TABLE orders ADD CONSTRAINT orders_code_key UNIQUE USING INDEX orders_code_key")',
    )
)
def unique_added(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield unique constraints whose index the server built."""
    for work in works(facts, "unique"):
        yield verdict_of(work, work.sentence(f"adding {_named(work, 'UNIQUE constraint')}"), rule="SC205", context=context)
    for statement in facts.statements:
        # Not even the parser takes it, so that there is no tree to ask.
        if statement.error and re.match(
            "(UNIQUE|PRIMARY KEY|EXCLUDE) constraints cannot be marked NOT VALID", statement.error.message
        ):
            yield Verdict(rule="SC205", message=f"the server refuses it: {statement.error.message}", statement=statement)


@rule(
    Rule(
        id="SC206",
        name="primary-key-added",
        title="A new PRIMARY KEY builds its index under lock",
        severity="error",
        proof="proven",
        reason="The index is built while ACCESS EXCLUSIVE is held, and where a column is not yet NOT NULL all rows are "
        "searched for NULLs as well.",
        source=f"ALTER TABLE, ADD table_constraint_using_index; {_MEASURED}",
        remedy="make the columns NOT NULL by a validated check, build a unique index concurrently, then ADD PRIMARY KEY "
        "USING INDEX",
        example="with op.get_context().autocommit_block():\n"
        '    op.create_index("orders_pkey", "orders", ["id"], unique=True, postgresql_concurrently=True)\n'
        'op.execute("ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY USING INDEX orders_pkey")',
    )
)
def primary_key_added(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield primary keys whose index the server built."""
    for work in works(facts, "primary key"):
        if work.kind == "build":
            yield verdict_of(work, work.sentence("adding a PRIMARY KEY"), rule="SC206", context=context)


@rule(
    Rule(
        id="SC207",
        name="exclusion-added",
        title="A new EXCLUDE constraint builds its index under lock",
        severity="error",
        proof="proven",
        reason="The index is built while ACCESS EXCLUSIVE is held, and there is no online form: neither NOT VALID nor USING "
        "INDEX is allowed for EXCLUDE.",
        source=f"ALTER TABLE, ADD table_constraint; {_MEASURED}",
        remedy="fill a new table that has the constraint and swap, or add it in a maintenance window",
        example='op.execute("CREATE TABLE bookings_new (LIKE bookings INCLUDING ALL, EXCLUDE USING gist (during WITH &&))")',
    )
)
def exclusion_added(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield exclusion constraints whose index the server built."""
    for work in works(facts, "exclusion"):
        yield verdict_of(work, work.sentence(f"adding {_named(work, 'EXCLUDE constraint')}"), rule="SC207", context=context)


def _named(work: Work, kind: str) -> str:
    return f"{kind} {work.about}" if work.about else f"a {kind}"


def _validations(facts: RevisionFacts) -> Iterator[tuple[Step, tuple[str, LockMode], bool]]:
    """Yield validations under lock with the strongest lock held, and whether the same constraint was added in the transaction."""
    added: dict[tuple[str, str], StatementFacts] = {}
    for step in steps(facts, "AddConstraint", "ValidateConstraint"):
        key = (step.table, step.name)
        if step.kind == "AddConstraint":
            added[key] = step.statement
            continue
        others = _held_against_others(step, facts)
        # One that is valid already is not tried again.
        if not others or step.table not in {*step.statement.verified, *step.statement.scans}:
            continue
        before = added.get(key)
        together = before is not None and before.transaction == step.statement.transaction != 0
        yield step, max(others.items(), key=lambda each: each[1]), together


def _held_against_others(step: Step, facts: RevisionFacts) -> dict[str, LockMode]:
    held = modes(step.statement).items()
    return {table: mode for table, mode in held if mode.blocks_writers and existed(facts, table, at=step.statement)}


def _validation(step: Step, strongest: tuple[str, LockMode], since: str, *, rule: str) -> Verdict:
    table, mode = strongest
    said = server_said(step.statement, ("verifying table", "validating foreign key"), of=[step.table, step.name])
    message = f"VALIDATE {step.name} reads every row of {step.table}{said} while {listed([table])} is under {mode.words}, {since}"
    return Verdict(rule=rule, message=f"{message}; {who_waits(mode)}", statement=step.statement, table=step.table)
