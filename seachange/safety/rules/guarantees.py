"""Section B, guarantees: what is promised less, or only seemingly, after a change."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from seachange.postgres.catalog import Constraint, Table
from seachange.safety.facts import RevisionFacts
from seachange.safety.parsing import Node, constraint_kind, find
from seachange.safety.rules import Context, Rule, Verdict, declare, rule
from seachange.safety.rules._steps import Step, column_of, steps, table_of
from seachange.safety.rules._volatility import worst_function

__all__ = ["constraint_dropped", "not_enforced", "not_null_dropped", "volatile_check"]


@rule(
    Rule(
        id="SC213",
        name="not-null-dropped",
        title="A column may hold NULL that could not before",
        severity="warning",
        proof="proven",
        reason="The change itself is instant, but code that runs now has never met a NULL there, and once one is stored the "
        "way back is a scan (SC110) and a data migration.",
        source="ALTER TABLE, SET / DROP NOT NULL",
        remedy="release the code that can read NULL first; then drop NOT NULL",
        example='# after the release that copes with NULL:\nop.alter_column("orders", "note", nullable=True)',
    )
)
def not_null_dropped(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield columns of tables that were there which lost NOT NULL."""
    for step in steps(facts, "DropNotNull"):
        column = column_of(facts.before, step.table, name=step.name)
        if step.existed and (facts.before is None or (column is not None and column.not_null)):
            message = f"{step.table}.{step.name} may be NULL from now on; code that runs meanwhile does not expect it"
            yield Verdict(rule="SC213", message=message, statement=step.statement, table=step.table)


@rule(
    Rule(
        id="SC214",
        name="constraint-dropped",
        title="A constraint is gone, and with it what it guaranteed",
        severity="warning",
        proof="proven",
        reason="From now on the server lets in what it refused, silently. A check that only proved NOT NULL for a column "
        "that is NOT NULL now, or one that came back under another name, is no loss and not reported.",
        source="5.5 Constraints; the catalogue before and after the revision",
        remedy="make sure that the application keeps the rule itself, or replace the constraint in the same revision",
        example='op.create_check_constraint("amount_positive_2", "orders", "amount > 0", postgresql_not_valid=True)\n'
        'op.drop_constraint("amount_positive", "orders")',
    )
)
def constraint_dropped(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield dropped checks, keys and exclusions that nothing replaces."""
    for step in steps(facts, "DropConstraint"):
        before, after = table_of(facts.before, step.table), table_of(facts.after, step.table)
        if not isinstance(before, Table) or not step.existed:
            continue
        dropped = next((each for each in before.constraints if each.name == step.name), None)
        if dropped is None or dropped.kind in ("foreign key", "not null"):
            continue
        if isinstance(after, Table) and not _is_replaced(dropped, after):
            heir = _heir(_renamed(dropped, step), before, after)
            instead = f"; {heir.name} comes instead: {heir.definition}" if heir else ""
            yield Verdict(
                rule="SC214",
                message=f"{step.table} loses {dropped.kind} {step.name}: {dropped.definition}{instead}",
                statement=step.statement,
                table=step.table,
                severity="info" if heir else None,
            )


@rule(
    Rule(
        id="SC216",
        name="volatile-check",
        title="A CHECK calls a function that is not immutable",
        severity="warning",
        proof="proven",
        reason="A CHECK is tried when a row is written, never again. Where the answer depends on more than the row, on the "
        "time or on another table, stored rows come to break it, and a backup of them cannot be restored.",
        source="5.5.1 Check Constraints; 36.7 Function Volatility Categories",
        remedy="use an immutable expression, or a trigger for what depends on the time or on other tables",
        example='op.create_check_constraint("ends_later", "bookings", "ends > starts")  # instead of ends > now()',
    )
)
def volatile_check(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield new checks of tables and domains that call volatile or stable functions."""
    for step in steps(facts, "AddConstraint", "AddColumn", "CreateStmt", "CreateDomainStmt", "AlterDomainStmt"):
        tree = step.command.node if step.command else step.node
        for constraint in find(tree, "Constraint"):
            if constraint_kind(constraint) == "CHECK":
                yield from _volatile(step, constraint)


@rule(
    Rule(
        id="SC218",
        name="not-enforced",
        title="A constraint that is NOT ENFORCED keeps nothing out",
        severity="warning",
        proof="proven",
        reason="NOT ENFORCED (18 and later) records a constraint for readers of the schema; the server checks it neither now "
        "nor later.",
        source="CREATE TABLE, NOT ENFORCED",
        remedy="add it NOT VALID, which is enforced for all new rows, and validate it later",
        example='op.create_check_constraint("amount_positive", "orders", "amount > 0", postgresql_not_valid=True)',
        majors=(18, 0),
    )
)
def not_enforced(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield constraints that are made, or become, NOT ENFORCED."""
    for step in steps(facts, "AddConstraint", "AddColumn", "CreateStmt", "AlterConstraint"):
        tree = step.command.node if step.command else step.node
        for each in find(tree, "Constraint", "ATAlterConstraint"):
            made = (
                type(each).DESCRIPTOR.name == "Constraint"
                and constraint_kind(each) in ("CHECK", "FOREIGN")
                and not each.is_enforced
            )
            changed = type(each).DESCRIPTOR.name == "ATAlterConstraint" and each.alter_enforceability and not each.is_enforced
            if (made or changed) and step.statement.error is None:
                message = f"constraint {each.conname or 'without a name'} of {step.table} is NOT ENFORCED: nothing is checked"
                yield Verdict(rule="SC218", message=message, statement=step.statement, table=step.table)


declare(
    Rule(
        id="SC215",
        name="rejects-old-writers",
        title="A new restriction rejects what code that runs now writes",
        severity="error",
        proof="proven",
        reason="A CHECK, a key or NOT NULL is enforced for new rows from its first moment, NOT VALID or not. Whether the "
        "release that is still running writes rows that break it only its own statements can tell.",
        source="ALTER TABLE, ADD table_constraint",
        remedy="release the code that writes valid rows first",
        example="# after that release:\n"
        'op.create_check_constraint("amount_positive", "orders", "amount > 0", postgresql_not_valid=True)',
        decided_by="migration.check --compatible-with",
    )
)


def _volatile(step: Step, constraint: Node) -> Iterator[Verdict]:
    name, volatility = worst_function(constraint.raw_expr, step.facts)
    if volatility in ("volatile", "stable"):
        what = f"CHECK {constraint.conname}" if constraint.conname else "a CHECK"
        owner = f" of {step.table}" if step.table else ""
        message = f"{what}{owner} calls {name}, which is {volatility}, not immutable"
        yield Verdict(rule="SC216", message=message, statement=step.statement, table=step.table)


def _renamed(dropped: Constraint, step: Step) -> Constraint:
    """Return a constraint with the names that its columns have after the revision."""
    renames = [each for each in steps(step.facts, "RenameStmt") if each.table == step.table]
    names = {each.node.subname: each.node.newname for each in renames}
    return dataclasses.replace(dropped, columns=tuple(names.get(name, name) for name in dropped.columns))


def _heir(dropped: Constraint, before: Table, after: Table) -> Constraint | None:
    """Return the constraint of the same kind on the same columns that the revision added, if there is one."""
    known = {each.name for each in before.constraints}
    like = (each for each in after.constraints if each.kind == dropped.kind and set(each.columns) == set(dropped.columns))
    return next((each for each in like if each.name not in known or each.name == dropped.name), None)


def _is_replaced(dropped: Constraint, after: Table) -> bool:
    if dropped.kind in ("primary key", "unique"):
        return any(set(key) == set(dropped.columns) for key in after.unique_keys)
    if any(each.definition == dropped.definition for each in after.constraints):
        return True
    proved = re.fullmatch(r"CHECK \(\((\S+) IS NOT NULL\)\)", dropped.definition)
    name = proved[1].strip('"') if proved else ""
    return any(column.name == name and column.not_null for column in after.columns)
