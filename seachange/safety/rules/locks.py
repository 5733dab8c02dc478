"""E16, E18, E19: brief blocking locks that people do not expect, and who stands in their way now."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.safety.facts import LockMode, RevisionFacts, StatementFacts
from seachange.safety.rules._acts import Act, acts, acts_of, existed, find_acts, new_lock
from seachange.safety.rules._registry import Context, Rule, Verdict, rule
from seachange.safety.rules._words import listed

__all__ = ["blockers_now", "brief_lock", "drop_locks_referenced"]

_BRIEF = {
    "CreateTrigStmt": "CREATE TRIGGER",
    "EnableTrig": "ENABLE TRIGGER",
    "EnableAlwaysTrig": "ENABLE ALWAYS TRIGGER",
    "EnableReplicaTrig": "ENABLE REPLICA TRIGGER",
    "EnableTrigAll": "ENABLE TRIGGER ALL",
    "EnableTrigUser": "ENABLE TRIGGER USER",
    "SetStorage": "SET STORAGE",
    "SetCompression": "SET COMPRESSION",
    "AddIdentity": "ADD GENERATED AS IDENTITY",
    "SetIdentity": "SET GENERATED",
    "rename constraint": "RENAME CONSTRAINT",
    "rename trigger": "ALTER TRIGGER ... RENAME",
    "rename policy": "ALTER POLICY ... RENAME",
}
_OLD_S = 5.0
_TABLES = ("table", "partitioned table")


@rule(
    Rule(
        id="SC516",
        name="blockers-now",
        title="Transactions that stand in the way now",
        severity="warning",
        proof="data",
        reason=(
            "A transaction that is idle, a long report, a prepared transaction or an anti-wraparound vacuum holds its locks "
            "for as long as it lasts, and a blocking lock waits for it, with everybody else behind. Found where the real "
            "server was asked. The runner tries again with growing patience and names whoever is in the way."
        ),
        source=(
            "PostgreSQL documentation, The Cumulative Statistics System (pg_stat_activity); 13.3 Explicit Locking; docs/locks.md"
        ),
        remedy="wait for them, end them, or let the runner: `--kill-blockers idle-in-transaction`",
        sized=False,
    )
)
def blockers_now(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Name old and prepared transactions of the real server when the revision takes a blocking lock."""
    environment = context.environment
    if environment is None:
        return
    statement = next((each for each in revision.statements if _blocks(each, revision)), None)
    if statement is None:
        return
    for one in environment.transactions:
        if one.prevents_wraparound or (one.age_s >= _OLD_S and not one.autovacuum):
            what = "vacuums to prevent wraparound" if one.prevents_wraparound else one.state or "is at work"
            who = f"process {one.pid}{f' ({one.application})' if one.application else ''}"
            message = f"{who} {what}, in a transaction of {one.age_s:.0f} s: a blocking lock may have to wait for it"
            yield Verdict(rule="SC516", message=message, statement=statement, provenance="data")
    for prepared in environment.prepared:
        message = f"the prepared transaction {prepared.gid!r} of {prepared.age_s:.0f} s keeps its locks until somebody ends it"
        yield Verdict(rule="SC516", message=message, statement=statement, provenance="data")


@rule(
    Rule(
        id="SC518",
        name="unexpected-lock",
        title="A brief lock that stops writers or readers, where few expect one",
        severity="info",
        proof="proven",
        reason=(
            "CREATE TRIGGER takes SHARE ROW EXCLUSIVE on its table, which stops writers; SET STORAGE and RENAME CONSTRAINT "
            "take ACCESS EXCLUSIVE, which stops readers too. None of them works long, but each waits behind the slowest "
            "transaction on the table, and everybody else waits behind it. DROP TRIGGER, policies, rules and row security "
            "have rules of their own that say so."
        ),
        source="measured: lock matrix on 12 to 18; PostgreSQL documentation, 13.3.1 Table-Level Locks",
        remedy="run it by `migration.apply`, which gives up soon and tries again; not in one transaction with long work",
        example='op.execute("CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()")',
    )
)
def brief_lock(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find statements that newly take such a lock on an existing table."""
    del context
    for act in acts(revision):
        words = _BRIEF.get(act.kind)
        mode = new_lock(act.statement, act.target)
        if words and mode and mode.blocks_writers and existed(revision, act.target):
            who = "readers and writers wait" if mode.blocks_readers else "writers wait"
            yield act.verdict("SC518", f"{words} takes {mode.words} on {act.target}: {who} for as long as it does")


@rule(
    Rule(
        id="SC519",
        name="drop-locks-referenced-table",
        title="DROP TABLE locks the tables that it refers to",
        severity="warning",
        proof="proven",
        reason=(
            "A foreign key has triggers on both of its tables. Dropping the one that refers takes ACCESS EXCLUSIVE on every "
            "table that it refers to, so that a forgotten child table stops the readers of its busy parent."
        ),
        source="PostgreSQL source, src/backend/catalog/heap.c (heap_drop_with_catalog); measured on 12 to 18",
        remedy="drop its foreign keys first, one by one, each in a revision of its own",
        example=(
            'op.drop_constraint("order_lines_order_id_fkey", "order_lines", type_="foreignkey")\n'
            "# the next revision\n"
            'op.drop_table("order_lines")'
        ),
        sized=False,
    )
)
def drop_locks_referenced(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find tables that a DROP TABLE locks without dropping them."""
    del context
    seen: set[int] = set()
    for act in find_acts(revision, "drop table"):
        statement = act.statement
        if statement.number in seen:
            continue
        seen.add(statement.number)
        gone = {one.name for one in statement.dropped} | {each.target for each in acts_of(revision, statement)}
        held = (lock for lock in statement.new_locks if lock.mode is LockMode.ACCESS_EXCLUSIVE and lock.kind in _TABLES)
        tables = [lock.relation for lock in held if lock.relation not in gone]
        tables = [table for table in dict.fromkeys(tables) if not _is_parent(act, revision, table)]
        if tables:
            message = f"DROP TABLE {act.target} takes ACCESS EXCLUSIVE on {listed(tables)}, which it refers to"
            yield Verdict(rule="SC519", message=message, statement=statement, table=tables[0])


def _blocks(statement: StatementFacts, revision: RevisionFacts) -> bool:
    return any(lock.mode.blocks_writers and existed(revision, lock.relation) for lock in statement.new_locks)


def _is_parent(act: Act, revision: RevisionFacts, relation: str) -> bool:
    """Whether a relation is the partitioned table of one that is dropped, or depends on it: that is said elsewhere."""
    before = revision.before.relations.get(act.target) if revision.before else None
    keys = getattr(before, "constraints", ())
    refers = any(key.kind == "foreign key" and relation.endswith(key.references_table) for key in keys)
    return before is not None and not refers
