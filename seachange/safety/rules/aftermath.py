"""I5, I7 to I9: what a change of rows leaves behind: statistics, sequences, work of triggers."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.postgres.catalog import Catalog, Column, Table
from seachange.safety import parsing
from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._acts import Act, acts, existed, find_acts, table_after, table_before
from seachange.safety.rules._registry import Context, Rule, Verdict, declare, rule
from seachange.safety.rules._rows import changes_rows, reach
from seachange.safety.rules._words import listed

__all__ = ["sequence_behind", "statistics_missing", "triggers_fire"]


@rule(
    Rule(
        id="SC905",
        name="statistics-missing",
        title="No ANALYZE after a change of type or of many rows",
        severity="info",
        proof="proven",
        reason=(
            "ALTER COLUMN TYPE throws away what the planner knows about the column, and a backfill makes it wrong. Until "
            "autovacuum comes by, queries on a large table may get plans that are slower by orders of magnitude."
        ),
        source="PostgreSQL documentation, ALTER TABLE, SET DATA TYPE; 24.1.3 Updating Planner Statistics",
        remedy="ANALYZE the table afterwards; it takes no lock that readers or writers notice",
        example='with op.get_context().autocommit_block():\n    op.execute("ANALYZE orders")',
    )
)
def statistics_missing(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find the last statement of a revision that makes the statistics of an old table worthless, without ANALYZE after it."""
    del context
    stale: dict[str, tuple[Act, str]] = {}
    for act in acts(revision):
        if act.kind == "VacuumStmt":
            names = {relation.rpartition(".")[2] for relation in parsing.tables_of(act.node)}
            stale = {table: each for table, each in stale.items() if names and table.rpartition(".")[2] not in names}
        elif act.kind == "AlterColumnType" and _is_changed(act, revision):
            stale[act.target] = (act, f"the statistics of {act.target}.{act.name} are gone with its old type")
        elif changes_rows(act) and reach(act) == "all" and existed(revision, act.target) and act.kind != "DeleteStmt":
            stale[act.target] = (act, f"the statistics of {act.target} do not fit its rows any more")
    for act, message in stale.values():
        yield act.verdict("SC905", f"{message}, and no ANALYZE follows")


@rule(
    Rule(
        id="SC907",
        name="sequence-behind",
        title="Rows get explicit keys and the sequence is not told",
        severity="warning",
        proof="proven",
        reason=(
            "An explicit value for a serial or identity column does not move its sequence. The next INSERT without one takes "
            "a number that is already in use, and fails: 'duplicate key value violates unique constraint'."
        ),
        source=(
            "PostgreSQL documentation, 9.17 Sequence Manipulation Functions; `invoke db.integrity` looks at the real sequences"
        ),
        remedy="leave the key out, or set the sequence after the last INSERT",
        example="op.execute(\"SELECT setval(pg_get_serial_sequence('countries', 'id'), (SELECT max(id) FROM countries))\")",
        sized=False,
    )
)
def sequence_behind(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find INSERTs that name a numbered column, with no setval, RESTART or ALTER SEQUENCE after them."""
    del context
    inserts: dict[str, tuple[Act, str]] = {}
    for act in acts(revision):
        if act.kind == "InsertStmt":
            column = _numbered(act, revision)
            if column:
                inserts[act.target] = (act, column)
        elif inserts:
            for table in [table for table, (_, column) in inserts.items() if _resets(act, table, column)]:
                del inserts[table]
    for table, (act, column) in inserts.items():
        yield act.verdict("SC907", f"INSERT gives {table}.{column} explicit values, and its sequence stays behind")


@rule(
    Rule(
        id="SC909",
        name="triggers-fire",
        title="Triggers fire for every row of a backfill",
        severity="info",
        proof="proven",
        reason=(
            "A row trigger runs once for each changed row: an audit table grows by as many, a notification goes out each "
            "time. And every changed row is a new version of it, so that the table needs up to twice its room until vacuum "
            "was there."
        ),
        source="PostgreSQL documentation, 37.1 Overview of Trigger Behavior; 24.1.2 Recovering Disk Space",
        remedy="work in batches, and let the trigger pass over rows that the migration marks",
        example="op.execute(\"SET LOCAL app.migrating = 'on'\")  # and WHEN (current_setting('app.migrating', true) IS NULL)",
    )
)
def triggers_fire(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find whole-table changes of tables with enabled row triggers for that event."""
    del context
    for act in find_acts(revision, "UpdateStmt", "DeleteStmt"):
        before = table_before(revision, act.target)
        if before is None or reach(act) == "few":
            continue
        event = act.kind.removesuffix("Stmt").upper()
        names = [
            each.name
            for each in before.triggers
            if each.enabled in ("origin", "always")
            and "FOR EACH ROW" in each.definition
            and event in each.definition.partition(" ON ")[0]
        ]
        if names:
            yield act.verdict("SC909", f"{event} of {act.target} fires {listed(names)} for every row")


def _is_changed(act: Act, revision: RevisionFacts) -> bool:
    if not existed(revision, act.target):
        return False
    before, after = (
        _column(table, act.name) for table in (table_before(revision, act.target), table_after(revision, act.target))
    )
    return before is None or after is None or before.type != after.type


def _column(table: Table | None, name: str) -> Column | None:
    return next((column for column in table.columns if column.name == name), None) if table else None


def _numbered(act: Act, revision: RevisionFacts) -> str:
    """Return the column with a sequence that an INSERT gives a value, if there is one."""
    named = [each.res_target.name for each in act.node.cols]
    for catalog in (revision.after, revision.before):
        table = _table(catalog, act.target)
        if table is not None:
            columns = table.columns if not named else [column for column in table.columns if column.name in named]
            found = (column.name for column in columns if column.identity or column.default.startswith("nextval("))
            return next(found, "")
    return ""


def _table(catalog: Catalog | None, name: str) -> Table | None:
    found = catalog.relations.get(name) if catalog else None
    return found if isinstance(found, Table) else None


def _resets(act: Act, table: str, column: str) -> bool:
    sql = act.statement.sql.lower()
    name = table.rpartition(".")[2].strip('"')
    if "setval" in sql:
        return name in sql or "pg_get_serial_sequence" not in sql
    restarts = act.kind in ("AlterSeqStmt", "SetIdentity") and "restart" in sql
    return restarts and (act.target == table or name in act.target) and (act.kind != "SetIdentity" or act.name == column)


declare(
    Rule(
        id="SC908",
        name="no-reverse",
        title="A data migration without a way back",
        severity="warning",
        proof="policy",
        reason=(
            "A downgrade that is missing or empty leaves the rows as they are and says that they were taken back. Whether the "
            "way back works is tried on a throwaway server when asked; raw SQL in `op.execute()` is parsed and traced like "
            "everything else."
        ),
        source="docs/findings.md, missing-downgrade, empty-downgrade and unexplained-downgrade",
        remedy="write what undoes it, or say by irreversible() why that cannot be",
        example='def downgrade() -> None:\n    irreversible("the old values are gone")  # from seachange import irreversible',
        sized=False,
        decided_by="migration.validate (missing-downgrade, empty-downgrade, unexplained-downgrade) and migration.plan --try-back",
    )
)
