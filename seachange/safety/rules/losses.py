"""F7 to F9, F11 to F14: values that are lost or changed without a table or a column being dropped."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.postgres.catalog import Catalog, Table
from seachange.safety import parsing
from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._acts import Act, acts, existed, find_acts, relation_after, relation_before, table_after
from seachange.safety.rules._columns import added_here, column_after, column_before
from seachange.safety.rules._narrowing import narrowing
from seachange.safety.rules._registry import Context, Rule, Verdict, declare, rule
from seachange.safety.rules._rows import reach
from seachange.safety.rules._words import listed

__all__ = ["drop_object", "every_row", "labels_gone", "narrowed_type", "renamed_label"]

_LOST = {
    "drop sequence": "its value is lost, and what takes numbers from it fails",
    "drop extension": "its types, functions and operators go",
    "drop view": "queries that name it fail",
    "drop materialized view": "queries that name it fail, and its rows have to be computed again",
    "drop function": "what calls it fails when it runs",
    "drop procedure": "what calls it fails when it runs",
    "drop aggregate": "what calls it fails when it runs",
    "drop routine": "what calls it fails when it runs",
    "drop domain": "code that casts to it fails",
    "drop type": "code that casts to it fails",
    "drop trigger": "what it did at each row is not done any more",
    "drop event trigger": "what it watched over is not watched any more",
    "drop operator": "queries that use it fail",
    "drop cast": "queries that rely on it fail",
    "drop publication": "subscribers get nothing any more",
    "drop subscription": "nothing is received any more",
    "drop foreign server": "its foreign tables go or stop working",
    "DropIdentity": "rows are not numbered any more, and its sequence is gone",
    "DropExpression": "the column is not computed any more",
}
_RELATIONS = ("drop view", "drop materialized view")
_ROUTINES = ("drop function", "drop procedure", "drop aggregate", "drop routine")


@rule(
    Rule(
        id="SC607",
        name="every-row-changed",
        title="DELETE or UPDATE without WHERE loses what every row has",
        severity="error",
        proof="inferred",
        reason=(
            "DELETE without WHERE empties the table. UPDATE without WHERE replaces the old value in every row, and only a "
            "backup knows it then. Filling a column that the same revision added loses nothing, and is not found here."
        ),
        source="PostgreSQL documentation, DELETE; UPDATE",
        remedy="say by WHERE which rows are meant; keep the old values in a column or a table until the release is settled",
        example="op.execute(\"UPDATE orders SET state = 'open' WHERE state IS NULL\")",
        sized=False,
    )
)
def every_row(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find statements that delete all rows, or overwrite columns that were there before, in all rows."""
    del context
    for act in find_acts(revision, "DeleteStmt", "UpdateStmt"):
        if reach(act) != "all" or not existed(revision, act.target):
            continue
        if act.kind == "DeleteStmt":
            yield act.verdict("SC607", f"DELETE without WHERE: all rows of {act.target} go, and stay locked until it commits")
            continue
        columns = [name for name in _assigned(act) if not added_here(revision, act, name)]
        if columns:
            lost = f"the old values of {listed(columns)} of {act.target} are gone"
            yield act.verdict("SC607", f"UPDATE without WHERE: {lost}, and its rows stay locked until it commits")


@rule(
    Rule(
        id="SC608",
        name="drop-object",
        title="A view, function, sequence, trigger, type or the like is dropped",
        severity="warning",
        proof="proven",
        reason=(
            "PostgreSQL knows which views and columns depend on an object, and refuses. It does not know what the bodies of "
            "functions and the queries of applications name: those fail when they run. What the revision makes again under "
            "the same name is not found here."
        ),
        source="PostgreSQL documentation, 5.15 Dependency Tracking (functions: the last paragraphs)",
        remedy="search code and functions for its name; drop it a release after the last use",
        example='op.execute("DROP FUNCTION old_total(bigint)")  # nobody calls it since release 2.3',
        sized=False,
    )
)
def drop_object(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find dropped objects that were there before, and are not there afterwards."""
    del context
    for act in acts(revision):
        lost = _LOST.get(act.kind)
        if lost is None or not _goes(revision, act):
            continue
        if act.command is not None:
            what = {"DropIdentity": "DROP IDENTITY", "DropExpression": "DROP EXPRESSION"}[act.kind]
            yield act.verdict("SC608", f"{what} of {act.name} in {act.target}: {lost}")
        elif act.kind == "drop trigger":
            yield act.verdict("SC608", f"DROP TRIGGER {act.name} takes ACCESS EXCLUSIVE on {act.target}: {lost}")
        else:
            yield act.verdict("SC608", f"{act.kind.upper()} {act.target}: {lost}")


@rule(
    Rule(
        id="SC609",
        name="narrowed-type",
        title="A column gets a type that holds less",
        severity="warning",
        proof="proven",
        reason=(
            "Values that do not fit either stop the revision, after the table was rewritten up to that row, or are rounded or "
            "cut in silence: numeric to fewer digits behind the point, a timestamp to a date, an explicit cast to varchar(n) "
            "in USING."
        ),
        source="PostgreSQL documentation, ALTER TABLE, SET DATA TYPE; 8.1 Numeric Types; 8.3 Character Types",
        remedy="`invoke migration.check` counts the values that do not fit; keep the old column until the new one is proven",
        example='op.add_column("orders", sa.Column("total_rounded", sa.Numeric(10, 2)))',
        sized=False,
    )
)
def narrowed_type(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find columns whose type before could hold what the one after cannot."""
    del context
    for act in find_acts(revision, "AlterColumnType"):
        before, after = column_before(revision, act), column_after(revision, act)
        now = after.type if after else act.command.type if act.command else ""
        what = narrowing(before.type, now) if before and existed(revision, act.target) else ""
        if what:
            yield act.verdict("SC609", f"{act.target}.{act.name} {before.type if before else ''} becomes {now}: {what}")


@rule(
    Rule(
        id="SC611",
        name="labels-gone",
        title="An enum loses labels",
        severity="warning",
        proof="proven",
        reason=(
            "PostgreSQL cannot remove a label: the type is made anew and the columns are cast. Rows that have the label stop "
            "the cast, unless the revision changed them before, and code that still sends it fails."
        ),
        source="PostgreSQL documentation, 8.7 Enumerated Types; ALTER TYPE, Notes",
        remedy="`invoke migration.check` counts the rows for each label; leave the label, or forbid it by a CHECK",
        example="op.execute(\"ALTER TABLE orders ADD CONSTRAINT no_draft CHECK (state <> 'draft') NOT VALID\")",
        sized=False,
    )
)
def labels_gone(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Compare the labels of each enum before and after."""
    del context
    if revision.before is None or revision.after is None:
        return
    after = {enum.qualified: enum for enum in revision.after.enums}
    for enum in revision.before.enums:
        now = after.get(enum.qualified)
        renamed = {act.node.old_val for act in find_acts(revision, "AlterEnumStmt") if act.node.old_val}
        gone = [label for label in enum.labels if now and label not in now.labels and label not in renamed]
        if gone:
            message = f"{enum.qualified} loses {listed(repr(label) for label in gone)}"
            about = next((act for act in acts(revision) if act.target == enum.qualified), None)
            yield about.verdict("SC611", message) if about else Verdict(rule="SC611", message=message)


@rule(
    Rule(
        id="SC612",
        name="label-renamed",
        title="An enum's label gets another name",
        severity="warning",
        proof="proven",
        reason=(
            "ALTER TYPE ... RENAME VALUE changes what every row shows in an instant, without a lock on any table. Code that "
            "still runs sends the old name and gets 'invalid input value for enum'; what reads it does not know the new one."
        ),
        source="PostgreSQL documentation, ALTER TYPE, RENAME VALUE; 8.7 Enumerated Types",
        remedy=(
            "add the new label, have the code accept both, change the rows, stop using the old one; "
            "`invoke migration.check --compatible-with REF` looks at what running code uses"
        ),
        example="op.execute(\"ALTER TYPE order_state ADD VALUE 'cancelled'\")",
        sized=False,
    )
)
def renamed_label(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find RENAME VALUE."""
    del context
    for act in find_acts(revision, "AlterEnumStmt"):
        if act.node.old_val:
            name = ".".join(parsing.names(act.node.type_name))
            yield act.verdict(
                "SC612", f"label {act.node.old_val!r} of {name} becomes {act.node.new_val!r}: code that sends the old one fails"
            )


def _assigned(act: Act) -> list[str]:
    return [each.res_target.name for each in act.node.target_list]


def _goes(revision: RevisionFacts, act: Act) -> bool:
    if act.cascade and any(one.cascaded and one.kind == "table column" for one in act.statement.dropped):
        return False  # SC605 says worse
    if act.command is not None or act.kind == "drop trigger":
        return existed(revision, act.target) and not (act.kind == "drop trigger" and _has_trigger(revision, act))
    if act.kind in _RELATIONS:
        was = revision.before is None or relation_before(revision, act.target) is not None
        return was and relation_after(revision, act.target) is None and not _made_later(revision, act)
    if revision.before is None or revision.after is None:
        return True
    before, after = _names(revision.before, act.kind), _names(revision.after, act.kind)
    return before is None or after is None or (act.target in before and act.target not in after)


def _made_later(revision: RevisionFacts, act: Act) -> bool:
    made = find_acts(revision, "ViewStmt", "CreateTableAsStmt")
    return any(each.target == act.target and each.statement.number >= act.statement.number for each in made)


def _has_trigger(revision: RevisionFacts, act: Act) -> bool:
    after = table_after(revision, act.target)
    made = find_acts(revision, "CreateTrigStmt")
    again = any(each.target == act.target and each.node.trigname == act.name for each in made)
    return again or (isinstance(after, Table) and any(trigger.name == act.name for trigger in after.triggers))


def _names(catalog: Catalog, kind: str) -> frozenset[str] | None:
    """Return the names of a catalogue's objects of a kind, None for a kind that it does not list."""
    if kind in _ROUTINES:
        return frozenset(each.qualified.partition("(")[0] for each in catalog.functions)
    if kind in ("drop type", "drop domain"):
        types = (*catalog.enums, *catalog.domains, *catalog.composites, *catalog.ranges)
        return frozenset(each.qualified for each in types)
    if kind == "drop sequence":
        return frozenset(each.qualified for each in catalog.sequences)
    return frozenset(each.qualified for each in catalog.extensions) if kind == "drop extension" else None


declare(
    Rule(
        id="SC613",
        name="downgrade-loses-data",
        title="A downgrade that loses data",
        severity="error",
        proof="data",
        reason=(
            "Going back drops what the revision added, with whatever was written into it meanwhile. How much that is only the "
            "database knows: before it reverts, Seachange tries the way back on a throwaway server, counts in the database "
            "what goes, and asks."
        ),
        source="docs/history.md; PostgreSQL documentation, ALTER TABLE, DROP COLUMN",
        remedy="let `downgrade()` of a revision that cannot be undone call `irreversible()`, which says why",
        example='def downgrade() -> None:\n    irreversible("the old values are gone")  # from seachange import irreversible',
        sized=False,
        decided_by="migration.revert and migration.reset (they count what goes, and ask)",
    )
)
declare(
    Rule(
        id="SC614",
        name="no-way-back",
        title="Something is destroyed and the backup is missing, stale or cannot be restored",
        severity="error",
        proof="policy",
        reason=(
            "A backup that nobody restored is a hope. The workflow makes one before it applies anything, or looks at the age and "
            "success of the last one of pgBackRest or WAL-G where setting `backup_external` names it, and a restored copy is "
            "what the next steps may rely on."
        ),
        source="PostgreSQL documentation, 25 Backup and Restore",
        remedy="`invoke migration.workflow`, or `invoke db.backup` and `invoke db.restore` into a new database before destroying",
        sized=False,
        decided_by="migration.workflow (its step backup)",
    )
)
