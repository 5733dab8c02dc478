"""I: rows that a revision changes, how many at once, and what it leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seachange.safety import parsing
from seachange.safety.facts import RevisionFacts, StatementFacts
from seachange.safety.rules._acts import Act, acts, existed, find_acts
from seachange.safety.rules._columns import added_here
from seachange.safety.rules._registry import Context, Rule, Verdict, rule
from seachange.safety.rules._rows import changes_rows, reach
from seachange.safety.rules._words import listed

__all__ = [
    "batches_in_one_transaction",
    "endless_loop",
    "not_resumable",
    "rows_and_schema",
    "whole_table_changed",
]

_BATCHES = (
    'todo = "SELECT id FROM orders WHERE state IS NULL ORDER BY id LIMIT 5000"\n'
    "batch = sa.text(f\"UPDATE orders SET state = 'open' WHERE id IN ({todo})\")\n"
    "with op.get_context().autocommit_block():\n"
    "    while op.get_bind().execute(batch).rowcount:\n"
    "        time.sleep(0.1)"
)
_LOOP = re.compile(r"\b(LOOP|WHILE)\b", re.IGNORECASE)
_CHANGE = re.compile(r"\b(UPDATE|DELETE)\b", re.IGNORECASE)
_NOT_FOUND = re.compile(r"\bNOT\s+FOUND\b|ROW_COUNT|\bFOUND\b", re.IGNORECASE)
_LIMIT = re.compile(r"\bLIMIT\b", re.IGNORECASE)


@rule(
    Rule(
        id="SC901",
        name="whole-table-changed",
        title="One statement changes a whole table",
        severity="warning",
        proof="proven",
        reason=(
            "Every row that an UPDATE or DELETE has touched stays locked until the transaction ends, so that writers of any "
            "of them wait; vacuum can remove nothing meanwhile, replicas fall behind, and a failure after an hour undoes the "
            "hour. The same rows in batches, each committed, cost no more and hold nothing for long."
        ),
        source="PostgreSQL documentation, 13.3.2 Row-Level Locks; 24.1.2 Recovering Disk Space",
        remedy="change the rows in batches, each a transaction; `invoke migration.generate --data` writes such a revision",
        example=_BATCHES,
    )
)
def whole_table_changed(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find statements that go through all rows of an existing table, by their text or by the rows that they changed."""
    for act in acts(revision):
        if not changes_rows(act) or not existed(revision, act.target) or _under_lock(act.statement):
            continue
        # SC607 says worse of it.
        if reach(act) == "all" and (act.kind == "DeleteStmt" or (act.kind == "UpdateStmt" and _overwrites(revision, act))):
            continue
        changed = act.statement.changes.get(act.target, 0)
        wide = reach(act) in ("all", "some") and act.kind not in ("CopyStmt", "InsertStmt") and not _is_batch(act)
        if act.kind == "InsertStmt" and (_copies_rows(act) or changed > context.thresholds.small_rows):
            yield act.verdict(
                "SC901", f"INSERT into {act.target} in one statement: vacuum and replicas wait for it as long as it takes"
            )
        elif act.kind != "InsertStmt" and (wide or changed > context.thresholds.small_rows):
            verb = {"UpdateStmt": "UPDATE of", "DeleteStmt": "DELETE from", "MergeStmt": "MERGE into"}.get(act.kind, "COPY into")
            yield act.verdict(
                "SC901", f"{verb} {act.target} in one statement: every row that it changes stays locked until it commits"
            )


@rule(
    Rule(
        id="SC902",
        name="batches-in-one-transaction",
        title="Batches that are one transaction",
        severity="warning",
        proof="proven",
        reason=(
            "A loop over batches inside of one transaction keeps the locks and the dead rows of all of them to the end: it "
            "only takes longer than one statement would. And without a pause between them replicas and vacuum cannot keep up."
        ),
        source="PostgreSQL documentation, 13.3.2 Row-Level Locks; Alembic documentation, autocommit_block",
        remedy="put the loop into autocommit_block(), with a pause; `invoke migration.generate --data` writes such a revision",
        example=_BATCHES,
    )
)
def batches_in_one_transaction(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find a batch that is sent more than once in the same transaction."""
    del context
    sent: dict[tuple[int, str], int] = {}
    for act in acts(revision):
        statement = act.statement
        if not statement.transaction or not changes_rows(act) or not _is_batch(act) or not existed(revision, act.target):
            continue
        key = (statement.transaction, statement.sql)
        before = sent.get(key, 0)
        sent[key] = before + statement.count
        if before < 2 <= sent[key] or (not before and _loops(revision, statement)):
            yield act.verdict("SC902", f"batches of {act.target} in one transaction: each keeps its locks until the last is done")


@rule(
    Rule(
        id="SC903",
        name="rows-and-schema",
        title="Rows and schema change in one revision",
        severity="info",
        proof="proven",
        reason=(
            "They fail for different reasons, take differently long, and are undone differently: a schema change in a moment, "
            "rows not at all. Apart, each can be tried again by itself, and the slow one can run while the application does. "
            "Where the rows change while the transaction holds a lock, SC510 says so instead."
        ),
        source="strong_migrations, Backfilling data; PostgreSQL documentation, 13.3 Explicit Locking",
        remedy="one revision for the schema, the next for the rows",
        example=(
            "# one revision\n"
            'op.add_column("orders", sa.Column("state", sa.Text()))\n'
            "# the next\n"
            "op.execute(\"UPDATE orders SET state = 'open' WHERE state IS NULL\")"
        ),
    )
)
def rows_and_schema(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find the first change of many old rows in a revision that alters tables as well, without its locks."""
    del context
    alters = [act for act in acts(revision) if act.command is not None and existed(revision, act.target)]
    for act in acts(revision):
        wide = changes_rows(act) and reach(act) != "few" and existed(revision, act.target)
        if wide and alters and not _under_lock(act.statement):
            yield act.verdict("SC903", f"rows of {act.target} change in a revision that also alters {alters[0].target}")
            return


@rule(
    Rule(
        id="SC904",
        name="not-resumable",
        title="A change of rows that cannot be run twice",
        severity="warning",
        proof="inferred",
        reason=(
            "Outside of a transaction each statement commits by itself. Broken off half way, the revision runs from its "
            "beginning again: `SET total = total * 100` then counts twice, and an INSERT makes its rows a second time."
        ),
        source="Alembic documentation, autocommit_block; online_migrations, Backfilling data",
        remedy="say by WHERE which rows are still to be done; give INSERT an ON CONFLICT DO NOTHING",
        example='op.execute("UPDATE orders SET total_cents = total * 100 WHERE total_cents IS NULL")',
    )
)
def not_resumable(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find statements outside of a transaction that compute a column from itself, or insert without ON CONFLICT."""
    del context
    last = revision.statements[-1].number if revision.statements else 0
    for act in acts(revision):
        if act.statement.transaction or not existed(revision, act.target):
            continue
        if act.kind == "UpdateStmt" and (names := _computed_from_itself(act)):
            yield act.verdict(
                "SC904", f"{listed(names)} of {act.target} is computed from itself, outside of a transaction: twice is wrong"
            )
        elif _doubles(act) and (act.statement.number != last or act.statement.count > 1):
            message = f"INSERT into {act.target} outside of a transaction, without ON CONFLICT: twice doubles the rows"
            yield act.verdict("SC904", message)


@rule(
    Rule(
        id="SC906",
        name="endless-loop",
        title="A loop that ends when nothing is left may never end",
        severity="warning",
        proof="inferred",
        reason=(
            "A loop over batches 'until none is found' runs for as long as the application inserts rows that need it. Who "
            "reads the largest key once, at the beginning, and goes up to it, comes to an end."
        ),
        source="pgroll issue 583",
        remedy="have the application write new rows right first, or bound the loop by the largest key at its start",
        example=(
            'last = op.get_bind().scalar(sa.text("SELECT max(id) FROM orders"))\nfor first in range(0, last + 1, 5000):\n    ...'
        ),
    )
)
def endless_loop(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Look for such loops in the text of DO blocks."""
    del context
    for act in find_acts(revision, "DoStmt"):
        body = " ".join(each.def_elem.arg.string.sval for each in act.node.args)
        if all(pattern.search(body) for pattern in (_LOOP, _CHANGE, _LIMIT, _NOT_FOUND)):
            yield act.verdict("SC906", "a loop over batches that ends when none is found: new rows keep it going")


def _under_lock(statement: StatementFacts) -> bool:
    return any(lock.mode.blocks_writers for lock in statement.held_locks)


def _is_batch(act: Act) -> bool:
    """Whether an act changes the rows of a query with LIMIT, or between two keys."""
    if reach(act) == "few":
        return False
    limited = any(query.HasField("limit_count") for query in parsing.find(act.node, "SelectStmt"))
    between = any(parsing.enum_name(each, "kind") == "AEXPR_BETWEEN" for each in parsing.find(act.node, "A_Expr"))
    operators = [parsing.names(each.name) for each in parsing.find(act.node, "A_Expr")]
    ranged = any(name in operators for name in ((">",), (">=",))) and any(name in operators for name in (("<",), ("<=",)))
    return limited or between or ranged


def _loops(revision: RevisionFacts, statement: StatementFacts) -> bool:
    """Whether the same line sends other statements of this transaction as well."""
    if not statement.line:
        return False
    same = (each for each in revision.statements if (each.file, each.line) == (statement.file, statement.line))
    return sum(each.transaction == statement.transaction and each.sql != statement.sql for each in same) > 0


def _computed_from_itself(act: Act) -> list[str]:
    condition = {
        parsing.names(each.fields)[-1:] for each in parsing.find(act.node.where_clause, "ColumnRef") if parsing.names(each.fields)
    }
    found = []
    for target in (each.res_target for each in act.node.target_list):
        used = {parsing.names(each.fields)[-1:] for each in parsing.find(target.val, "ColumnRef")}
        if (target.name,) in used and (target.name,) not in condition:
            found.append(target.name)
    return found


def _doubles(act: Act) -> bool:
    return act.kind == "InsertStmt" and not act.node.HasField("on_conflict_clause")


def _overwrites(revision: RevisionFacts, act: Act) -> bool:
    return not all(added_here(revision, act, each.res_target.name) for each in act.node.target_list)


def _copies_rows(act: Act) -> bool:
    """Whether an INSERT takes its rows from a query over tables, all at once."""
    query = act.node.select_stmt.select_stmt
    return bool(query.from_clause) and reach(act) != "few" and not _is_batch(act)
