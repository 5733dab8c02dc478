"""Section C, building and dropping: what indexes lock while they are made, rebuilt or removed."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.safety.facts import RevisionFacts, StatementFacts
from seachange.safety.parsing import dropped_names, enum_name
from seachange.safety.rules import Context, Rule, Verdict, rule
from seachange.safety.rules._added import added_indexes
from seachange.safety.rules._index_facts import concurrent, index_table, short_timeouts
from seachange.safety.rules._steps import existed, steps, table_of
from seachange.safety.rules._words import listed
from seachange.safety.rules._work import verdict_of, works

__all__ = [
    "concurrent_build_accepts_wreck",
    "concurrent_build_corrupts",
    "concurrent_build_times_out",
    "concurrently_in_transaction",
    "index_built",
    "index_dropped",
    "index_of_constraint_dropped",
    "index_rebuilt",
    "partitioned_index",
]

_MEASURED = "measured on 14 to 18: tests/battery"
_ONLINE = """\
with op.get_context().autocommit_block():
    op.create_index("orders_customer_id", "orders", ["customer_id"], postgresql_concurrently=True)"""
_DROP_ONLINE = """\
with op.get_context().autocommit_block():
    op.drop_index("orders_customer_id", "orders", postgresql_concurrently=True)"""


@rule(
    Rule(
        id="SC301",
        name="index-built",
        title="CREATE INDEX without CONCURRENTLY blocks writers while it builds",
        severity="error",
        proof="proven",
        reason="SHARE is held for the whole build: readers go on, each INSERT, UPDATE and DELETE waits. On 1.5 million rows "
        "writers waited 609 ms, and 6 ms for a concurrent build. IF NOT EXISTS takes the lock even where the index "
        "exists.",
        source=f"CREATE INDEX, Building Indexes Concurrently; {_MEASURED}",
        remedy="CREATE INDEX CONCURRENTLY in an autocommit block",
        example=_ONLINE,
    )
)
def index_built(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield indexes built on tables that were there while writers had to wait."""
    for work in works(facts, "index"):
        if work.step is None or not _is_partitioned(facts, work.step.table):
            subject = f"building index {work.step.node.idxname}" if work.step and work.step.node.idxname else "building an index"
            yield verdict_of(work, work.sentence(subject, "reads every row of"), rule="SC301", context=context)
    for step in steps(facts, "IndexStmt"):
        modes_of = {lock.relation: lock.mode for lock in step.statement.new_locks if lock.mode.blocks_writers}
        if step.node.if_not_exists and step.table in modes_of and step.existed and not step.statement.index_builds:
            message = (
                f"index {step.node.idxname} exists, and IF NOT EXISTS still locks {step.table} under {modes_of[step.table].words}"
            )
            yield Verdict(rule="SC301", message=message, statement=step.statement, table=step.table, severity="warning")


@rule(
    Rule(
        id="SC302",
        name="index-dropped",
        title="DROP INDEX without CONCURRENTLY locks the table against everybody",
        severity="warning",
        proof="proven",
        reason="ACCESS EXCLUSIVE on the table is brief, but it waits for every running query, and all new ones wait behind "
        "it until it has been granted.",
        source=f"DROP INDEX, CONCURRENTLY; {_MEASURED}",
        remedy="DROP INDEX CONCURRENTLY in an autocommit block",
        example=_DROP_ONLINE,
    )
)
def index_dropped(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield indexes dropped under a lock that readers wait for."""
    for step in steps(facts, "DropStmt"):
        if enum_name(step.node, "remove_type") != "OBJECT_INDEX" or step.statement.error:
            continue
        locks = [lock for lock in step.statement.new_locks if lock.mode.blocks_readers and lock.kind != "index"]
        tables = [lock.relation for lock in locks if existed(facts, lock.relation, at=step.statement)]
        if tables and not set(tables) <= _dropped_with(facts, step.statement):
            message = f"dropping index {listed(dropped_names(step.node))} locks {listed(tables)} under ACCESS EXCLUSIVE"
            yield Verdict(rule="SC302", message=f"{message}; readers and writers wait", statement=step.statement, table=tables[0])


@rule(
    Rule(
        id="SC303",
        name="index-rebuilt",
        title="REINDEX without CONCURRENTLY blocks writers, and queries that would use the index",
        severity="error",
        proof="proven",
        reason="SHARE is held on the table and ACCESS EXCLUSIVE on the index while it is built anew. Planning any query on "
        "the table looks at its indexes, so readers wait too.",
        source=f"REINDEX, Notes; {_MEASURED}",
        remedy="REINDEX ... CONCURRENTLY in an autocommit block",
        example='with op.get_context().autocommit_block():\n    op.execute("REINDEX INDEX CONCURRENTLY orders_customer_id")',
    )
)
def index_rebuilt(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield indexes that were built anew under lock."""
    for work in works(facts, "reindex"):
        indexes = listed(build.index for build in work.statement.index_builds if build.table in work.tables)
        yield verdict_of(work, work.sentence(f"REINDEX of {indexes}", "reads every row of"), rule="SC303", context=context)


@rule(
    Rule(
        id="SC304",
        name="concurrently-in-transaction",
        title="CONCURRENTLY does not run inside of a transaction",
        severity="error",
        proof="proven",
        reason="What runs concurrently commits in between, which the server refuses in a transaction block; Alembic opens "
        "one for each revision.",
        source="CREATE INDEX, Building Indexes Concurrently; SQLSTATE 25001 active_sql_transaction",
        remedy="put it into op.get_context().autocommit_block()",
        example=_ONLINE,
    )
)
def concurrently_in_transaction(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield concurrent commands that the server refused, or would, in a transaction."""
    for step in concurrent(facts):
        error = step.statement.error
        refused = error is not None and error.sqlstate == "25001"
        if refused or (error is None and step.statement.provenance == "inferred" and step.statement.transaction):
            message = f"the server refuses it: {error.message}" if error else "CONCURRENTLY in a transaction is refused"
            yield Verdict(rule="SC304", message=message, statement=step.statement, table=step.table)


@rule(
    Rule(
        id="SC305",
        name="concurrent-build-accepts-wreck",
        title="A concurrent build that fails leaves an INVALID index, which IF NOT EXISTS accepts",
        severity="warning",
        proof="inferred",
        reason="A concurrent build that is stopped, by a timeout, a duplicate or a lost connection, leaves an index that "
        "every write keeps up and no query uses. IF NOT EXISTS sees a name that exists and reports success on the "
        "second try.",
        source="CREATE INDEX, Building Indexes Concurrently; pg_index.indisvalid",
        remedy="leave IF NOT EXISTS away, drop an INVALID index of that name concurrently before, and check indisvalid "
        "afterwards",
        example="with op.get_context().autocommit_block():\n"
        '    op.execute("DROP INDEX CONCURRENTLY IF EXISTS orders_customer_id")\n'
        '    op.create_index("orders_customer_id", "orders", ["customer_id"], postgresql_concurrently=True)',
    )
)
def concurrent_build_accepts_wreck(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield concurrent builds that would take a wreck for the index, and indexes left INVALID."""
    dropped: set[str] = set()
    for step in steps(facts, "DropStmt", "IndexStmt"):
        if step.kind == "DropStmt":
            dropped |= {name.rpartition(".")[2] for name in dropped_names(step.node)}
        elif step.node.concurrent and step.node.if_not_exists and step.node.idxname not in dropped:
            message = f"IF NOT EXISTS takes an INVALID {step.node.idxname} that a build which failed has left for the index"
            yield Verdict(rule="SC305", message=message, statement=step.statement, table=step.table, provenance="inferred")
    for table, index, statement in added_indexes(facts):
        if not index.valid and table.kind == "table" and statement is not None:
            message = f"index {index.name} of {table.qualified} is INVALID after the revision: no query uses it"
            yield Verdict(rule="SC305", message=message, statement=statement, table=table.qualified, severity="error")


@rule(
    Rule(
        id="SC306",
        name="concurrent-build-times-out",
        title="A concurrent build under a short timeout will be stopped",
        severity="warning",
        proof="proven",
        reason="CREATE INDEX CONCURRENTLY waits for every transaction that is older than itself, which blocks nobody. "
        "lock_timeout counts that waiting, statement_timeout the whole build; whichever stops it leaves an INVALID "
        "index.",
        source="CREATE INDEX, Building Indexes Concurrently; 19.11.1 Statement Behavior",
        remedy="no lock_timeout and a long statement_timeout for what runs concurrently; watch pg_stat_progress_create_index",
        example="with op.get_context().autocommit_block():\n"
        "    op.execute(\"SET lock_timeout TO '0'\")\n"
        '    op.create_index("orders_customer_id", "orders", ["customer_id"], postgresql_concurrently=True)',
    )
)
def concurrent_build_times_out(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield concurrent commands under a timeout that the revision, or the real server's session, has set."""
    for step in concurrent(facts):
        for name, limit_ms, source in short_timeouts(step, facts, context):
            message = f"{name} of {limit_ms} ms, {source}, stops what runs CONCURRENTLY while it waits for older transactions"
            yield Verdict(rule="SC306", message=message, statement=step.statement, table=index_table(step))


@rule(
    Rule(
        id="SC307",
        name="concurrent-build-corrupts",
        title="Concurrent builds of 14.0 to 14.3 corrupt indexes silently",
        severity="error",
        proof="data",
        reason="On 14.0 to 14.3 CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY can miss rows that are updated meanwhile, "
        "without any error; 14.4 repairs the code, not the indexes.",
        source="release notes of 14.4",
        remedy="update the server to the newest 14.x first",
        example=_ONLINE,
        majors=(14, 14),
    )
)
def concurrent_build_corrupts(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield concurrent builds where the real server has the fault."""
    version = context.environment.version if context.environment else 0
    if not 140000 <= version < 140004:
        return
    for step in concurrent(facts, "IndexStmt", "ReindexStmt"):
        message = f"the server is 14.{version % 100}, whose concurrent builds can miss rows; 14.4 is the first without the fault"
        yield Verdict(rule="SC307", message=message, statement=step.statement, table=index_table(step), provenance="data")


@rule(
    Rule(
        id="SC313",
        name="partitioned-index",
        title="CREATE INDEX on a partitioned table builds on every partition under lock",
        severity="error",
        proof="proven",
        reason="The parent and every partition are under SHARE until all builds are done, and CONCURRENTLY is refused for a "
        "partitioned table. ON ONLY makes the parent's index without building anything; partitions get theirs "
        "concurrently, one by one.",
        source=f"CREATE INDEX, Notes; 5.12.2.2 Partition Maintenance; {_MEASURED}",
        remedy="CREATE INDEX ... ON ONLY the parent, build concurrently on each partition, then ALTER INDEX ... ATTACH PARTITION",
        example='op.execute("CREATE INDEX events_at ON ONLY events (at)")\n'
        "with op.get_context().autocommit_block():\n"
        '    op.create_index("events_2026_at", "events_2026", ["at"], postgresql_concurrently=True)\n'
        'op.execute("ALTER INDEX events_at ATTACH PARTITION events_2026_at")',
    )
)
def partitioned_index(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield indexes built through a partitioned table, and concurrent ones that the server refuses there."""
    for work in works(facts, "index"):
        if work.step and _is_partitioned(facts, work.step.table):
            sentence = work.sentence(f"building index {work.step.node.idxname} on {work.step.table}", "reads every row of")
            yield verdict_of(work, sentence, rule="SC313", context=context)
    for step in steps(facts, "IndexStmt"):
        error = step.statement.error
        if step.node.concurrent and error and "partitioned table" in error.message:
            message = f"the server refuses it: {error.message}"
            yield Verdict(rule="SC313", message=message, statement=step.statement, table=step.table)


@rule(
    Rule(
        id="SC316",
        name="index-of-constraint-dropped",
        title="The index behind a constraint cannot be dropped by itself",
        severity="error",
        proof="proven",
        reason="A primary key, UNIQUE or EXCLUDE constraint owns its index, and the server refuses to drop the index alone.",
        source="DROP INDEX; SQLSTATE 2BP01 dependent_objects_still_exist",
        remedy="drop the constraint, which drops its index",
        example='op.drop_constraint("orders_code_key", "orders")',
    )
)
def index_of_constraint_dropped(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield drops of indexes that the server refused because of a constraint."""
    for step in steps(facts, "DropStmt"):
        error = step.statement.error
        if enum_name(step.node, "remove_type") == "OBJECT_INDEX" and error and error.sqlstate == "2BP01":
            yield Verdict(rule="SC316", message=f"the server refuses it: {error.message}", statement=step.statement)


def _is_partitioned(facts: RevisionFacts, name: str) -> bool:
    found = table_of(facts.before, name)
    return found is not None and found.kind == "partitioned table"


def _dropped_with(facts: RevisionFacts, statement: StatementFacts) -> set[str]:
    """Return the tables that the transaction of a statement drops: nobody reads them again."""
    mates = (each for each in facts.statements if each.transaction and each.transaction == statement.transaction)
    return {one.name for each in mates for one in each.dropped if one.kind == "table"}
