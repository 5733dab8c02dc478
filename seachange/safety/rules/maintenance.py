"""Section A, whole-table commands: CLUSTER, VACUUM FULL, materialized views, and the disk that rewrites need."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.safety.facts import LockMode, RevisionFacts
from seachange.safety.parsing import enum_name
from seachange.safety.rules import Context, Rule, Verdict, rule
from seachange.safety.rules._steps import modes, steps
from seachange.safety.rules._words import listed, who_waits
from seachange.safety.rules._work import all_works, verdict_of, works

__all__ = ["clustered", "disk_budget", "filled_at_once", "refreshed"]


@rule(
    Rule(
        id="SC116",
        name="cluster-or-vacuum-full",
        title="CLUSTER and VACUUM FULL rewrite the table",
        severity="error",
        proof="proven",
        reason="Both copy the table and build all its indexes anew under ACCESS EXCLUSIVE, and need the disk for a second "
        "copy. A plain VACUUM makes the space usable again without stopping anybody.",
        source="CLUSTER; VACUUM, Notes; measured on 14 to 18: tests/battery",
        remedy="use pg_repack, or leave it to autovacuum",
        example="pg_repack --table orders  # outside of Alembic",
    )
)
def clustered(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield CLUSTER and VACUUM FULL."""
    for work in works(facts, "cluster"):
        word = "CLUSTER" if work.step and work.step.kind == "ClusterStmt" else "VACUUM FULL"
        yield verdict_of(work, work.sentence(word), rule="SC116", context=context)


@rule(
    Rule(
        id="SC117",
        name="refresh-materialized-view",
        title="REFRESH MATERIALIZED VIEW locks its readers out",
        severity="error",
        proof="proven",
        reason="The view is filled anew under ACCESS EXCLUSIVE: its readers wait for as long as its query runs. CONCURRENTLY "
        "compares and changes rows instead, under EXCLUSIVE, which lets readers through.",
        source="REFRESH MATERIALIZED VIEW; measured on 14 to 18: tests/battery",
        remedy="REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index on plain columns of the view",
        example='op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY sales")',
    )
)
def refreshed(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield views that were refreshed while nobody could read them."""
    for step in steps(facts, "RefreshMatViewStmt"):
        mode = modes(step.statement).get(step.table, LockMode.ACCESS_SHARE)
        if mode.blocks_readers and not step.node.skip_data and step.existed:
            message = f"the query of {step.table} runs while the view is under {mode.words}; its readers wait"
            yield Verdict(rule="SC117", message=message, statement=step.statement, table=step.table)


@rule(
    Rule(
        id="SC118",
        name="filled-at-once",
        title="A table or view is filled by a query inside of the migration",
        severity="warning",
        proof="inferred",
        reason="CREATE TABLE AS and CREATE MATERIALIZED VIEW ... WITH DATA run their whole query in the transaction of the "
        "migration: what it locked before stays locked for as long, and a failure near the end loses all of it.",
        source="CREATE MATERIALIZED VIEW; CREATE TABLE AS; measured on 14 to 18: tests/battery",
        remedy="create it WITH NO DATA and fill or refresh it afterwards, outside of the migration",
        example='op.execute("CREATE MATERIALIZED VIEW sales AS SELECT ... WITH NO DATA")\n'
        '# afterwards: op.execute("REFRESH MATERIALIZED VIEW sales")',
    )
)
def filled_at_once(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield tables and views that are made with their rows."""
    for step in steps(facts, "CreateTableAsStmt"):
        into = step.node.into
        if into.skip_data or into.rel.relpersistence == "t":
            continue
        word = "materialized view" if enum_name(step.node, "objtype") == "OBJECT_MATVIEW" else "table"
        message = f"{word} {step.place(into.rel)} is filled by its query inside of the migration's transaction"
        yield Verdict(rule="SC118", message=message, statement=step.statement)


@rule(
    Rule(
        id="SC123",
        name="disk-budget",
        title="A rewrite needs more disk than there is to spare",
        severity="error",
        proof="data",
        reason="Old and new copy of a table and its indexes are on the disk together until the transaction ends, and the new "
        "one goes through the WAL as well, which replicas have to receive and replay. A full disk stops the whole "
        "server.",
        source="ALTER TABLE, Notes; 29.3 Write-Ahead Logging; sizes of the live catalogue or a statistics file",
        remedy="change the column by expand and contract in batches, or raise lint.disk_budget when there is room",
        example='op.add_column("orders", sa.Column("amount_new", sa.BigInteger(), nullable=True))  # then batches and a swap',
    )
)
def disk_budget(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield rewrites of tables whose copy and WAL exceed the budget."""
    budget, statistics = context.thresholds.disk_budget_bytes, context.statistics
    if not budget or statistics is None:
        return
    for work in (work for work in all_works(facts) if work.kind == "rewrite"):
        size = sum(known.bytes for table in work.tables if (known := statistics.tables.get(table)))
        if 2 * size > budget:
            message = (
                f"rewriting {listed(work.tables)} needs about {_size(size)} of disk and as much WAL, "
                f"together more than the budget of {_size(budget)}; {who_waits(work.mode)}"
            )
            yield Verdict(rule="SC123", message=message, statement=work.statement, severity="error", provenance="data")


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GB" if count >= 1024**3 else f"{count / 1024**2:.0f} MB"
