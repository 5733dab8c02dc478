"""Section D: partitions and children, and what happens to their parents."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.postgres.catalog import Table
from seachange.safety.facts import LockMode, RevisionFacts
from seachange.safety.parsing import dropped_names, enum_name
from seachange.safety.rules import Context, Rule, Verdict, rule
from seachange.safety.rules._steps import Step, descendants, existed, modes, steps, table_of
from seachange.safety.rules._words import count_of, listed, who_waits
from seachange.safety.rules._work import Work, all_works, verdict_of, works

__all__ = [
    "child_changed",
    "default_partition",
    "default_partition_read",
    "fan_out",
    "partition_attached",
    "partition_created",
    "partition_detached",
    "partition_dropped",
]

_MEASURED = "measured on 14 to 18: tests/battery"
_ATTACH = """\
op.execute("CREATE TABLE events_2027 (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
op.execute("ALTER TABLE events ATTACH PARTITION events_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')")"""
_DETACH = """\
with op.get_context().autocommit_block():
    op.execute("ALTER TABLE events DETACH PARTITION events_2020 CONCURRENTLY")"""


@rule(
    Rule(
        id="SC401",
        name="partition-detached",
        title="DETACH PARTITION locks the parent against everybody",
        severity="warning",
        proof="proven",
        reason="Without CONCURRENTLY the parent and the partition are under ACCESS EXCLUSIVE: a moment by itself, but it "
        "waits for every query on any partition, and all new ones wait behind it. CONCURRENTLY (14 and later) takes "
        "SHARE UPDATE EXCLUSIVE.",
        source=f"ALTER TABLE, DETACH PARTITION; {_MEASURED}",
        remedy="DETACH PARTITION ... CONCURRENTLY in an autocommit block; it needs that there is no default partition",
        example=_DETACH,
    )
)
def partition_detached(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield partitions detached while the parent's readers had to wait."""
    for step in steps(facts, "DetachPartition"):
        mode = modes(step.statement).get(step.table, LockMode.ACCESS_SHARE)
        if mode.blocks_readers and step.existed:
            message = f"detaching {_part(step)} locks {step.table} and it under {mode.words}; {who_waits(mode)}"
            yield Verdict(rule="SC401", message=message, statement=step.statement, table=step.table)


@rule(
    Rule(
        id="SC402",
        name="partition-attached",
        title="ATTACH PARTITION reads the whole new partition",
        severity="error",
        proof="proven",
        reason="The parent is only under SHARE UPDATE EXCLUSIVE, but the table that is attached is under ACCESS EXCLUSIVE "
        "while each row is tried against the bounds, and while indexes of the parent that it lacks are built. A valid "
        "CHECK that implies the bounds, NOT NULL of the key included, spares the scan: the server answers that it is "
        "implied by existing constraints.",
        source=f"ALTER TABLE, ATTACH PARTITION; 5.12.2.2 Partition Maintenance; {_MEASURED}",
        remedy="add such a CHECK NOT VALID, VALIDATE it in another transaction, build the indexes concurrently, then attach "
        "and drop the CHECK",
        example="fits = \"at >= '2027-01-01' AND at < '2028-01-01'\"\n"
        'op.create_check_constraint("fits", "events_2027", fits, postgresql_not_valid=True)\n'
        '# in the next revision: op.execute("ALTER TABLE events_2027 VALIDATE CONSTRAINT fits"); in one more ATTACH and drop it',
    )
)
def partition_attached(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield tables that were read or indexed to be attached."""
    for work in works(facts, "attach"):
        if work.step and not _is_default(work):
            yield verdict_of(
                work, work.sentence(f"attaching {_part(work.step)} to {work.step.table}"), rule="SC402", context=context
            )


@rule(
    Rule(
        id="SC403",
        name="default-partition-read",
        title="A new partition makes the server read the default partition",
        severity="error",
        proof="proven",
        reason="Rows that belong into the new partition may lie in the default one, which is therefore read under ACCESS "
        "EXCLUSIVE, unless a valid CHECK on it excludes the new bounds.",
        source="ALTER TABLE, ATTACH PARTITION; 5.12.2.2 Partition Maintenance",
        remedy="add a CHECK to the default partition that excludes the new bounds, NOT VALID, and VALIDATE it in another "
        "transaction first",
        example="rest = \"at IS NOT NULL AND (at < '2027-01-01' OR at >= '2028-01-01')\"\n"
        'op.create_check_constraint("not_2027", "events_rest", rest, postgresql_not_valid=True)\n'
        '# in the next revision: op.execute("ALTER TABLE events_rest VALIDATE CONSTRAINT not_2027")',
    )
)
def default_partition_read(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield default partitions that were read because of a new sibling."""
    for work in works(facts, "attach"):
        if work.step and _is_default(work):
            name = _part(work.step) if work.step.kind == "AttachPartition" else work.step.place(work.step.node.relation)
            yield verdict_of(work, work.sentence(f"the new partition {name}"), rule="SC403", context=context)


@rule(
    Rule(
        id="SC404",
        name="partition-created",
        title="CREATE TABLE ... PARTITION OF locks the parent against everybody",
        severity="warning",
        proof="proven",
        reason="Although the new partition is empty, the parent is under ACCESS EXCLUSIVE until the transaction ends: all "
        "queries on any of its partitions wait. A table that is made by itself and attached only needs SHARE UPDATE "
        "EXCLUSIVE.",
        source=f"CREATE TABLE, PARTITION OF; 5.12.2.2 Partition Maintenance; {_MEASURED}",
        remedy="CREATE TABLE ... (LIKE parent), then ATTACH PARTITION",
        example=_ATTACH,
    )
)
def partition_created(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield partitions created while the parent's readers had to wait."""
    for step in steps(facts, "CreateStmt"):
        if not step.node.HasField("partbound"):
            continue
        parent = step.place(step.node.inh_relations[0].range_var)
        mode = modes(step.statement).get(parent, LockMode.ACCESS_SHARE)
        if mode.blocks_readers and existed(facts, parent, at=step.statement):
            message = f"creating {step.table} as a partition locks {parent} under {mode.words}; {who_waits(mode)}"
            yield Verdict(rule="SC404", message=message, statement=step.statement, table=parent)


@rule(
    Rule(
        id="SC405",
        name="partition-dropped",
        title="Dropping a partition locks the parent against everybody",
        severity="warning",
        proof="proven",
        reason="DROP TABLE of a partition takes ACCESS EXCLUSIVE on the parent as well: it waits for every query on any "
        "partition, and all new ones wait behind it.",
        source=f"5.12.2.2 Partition Maintenance; {_MEASURED}",
        remedy="DETACH PARTITION ... CONCURRENTLY first, then drop the table, which nobody uses any more",
        example=_DETACH + '\nop.drop_table("events_2020")',
    )
)
def partition_dropped(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield dropped partitions whose parent was locked."""
    for step in steps(facts, "DropStmt"):
        if enum_name(step.node, "remove_type") != "OBJECT_TABLE":
            continue
        locked = [lock.relation for lock in step.statement.new_locks if lock.mode.blocks_readers]
        for name in dropped_names(step.node):
            table = table_of(facts.before, name)
            parents = table.inherits if isinstance(table, Table) and table.partition_bound else ()
            for parent in parents:
                if parent in locked:
                    message = f"dropping partition {name} locks {parent} under ACCESS EXCLUSIVE; readers and writers wait"
                    yield Verdict(rule="SC405", message=message, statement=step.statement, table=parent)


@rule(
    Rule(
        id="SC406",
        name="default-partition",
        title="A default partition grows unseen, and a key must have the partition's columns",
        severity="info",
        proof="policy",
        reason="Rows for which a partition was forgotten end up in the default one silently. From then on each new partition "
        "has to read it (SC403), DETACH CONCURRENTLY is refused, and rows that belong elsewhere stop the new "
        "partition. The server refuses a primary or unique key without all columns of the partition key.",
        source="5.12.2.3 Limitations; ALTER TABLE, DETACH PARTITION",
        remedy="create partitions ahead of time and let a missing one be an error, or watch the default partition's size",
        example=_ATTACH,
    )
)
def default_partition(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield new default partitions, and keys that lack the partition's columns."""
    for step in steps(facts, "CreateStmt", "AttachPartition"):
        bound = getattr(step.command.node, "def").partition_cmd.bound if step.command else step.node.partbound
        if bound.is_default:
            name = _part(step) if step.command else step.table
            message = f"{name} is a default partition: it takes what no other partition does"
            yield Verdict(rule="SC406", message=message, statement=step.statement, provenance="policy")
    for statement in facts.statements:
        error = statement.error
        if error and "must include all partitioning columns" in error.message:
            yield Verdict(rule="SC406", message=f"the server refuses it: {error.message}", statement=statement, severity="error")


@rule(
    Rule(
        id="SC407",
        name="inheritance-changed",
        title="INHERIT and NO INHERIT change which rows queries on the parent see",
        severity="warning",
        proof="proven",
        reason="The rows of a child appear in, or vanish from, every query, UPDATE and DELETE on the parent at once, and the "
        "child is under ACCESS EXCLUSIVE for a moment.",
        source=f"5.11 Inheritance; {_MEASURED}",
        remedy="make sure that all queries on the parent expect it, or that they say ONLY",
        example='op.execute("ALTER TABLE events_old NO INHERIT events")',
    )
)
def child_changed(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield tables that become children, or cease to be."""
    for step in steps(facts, "AddInherit", "DropInherit"):
        parent = step.place(getattr(step.command.node, "def").range_var) if step.command else ""
        if existed(facts, parent, at=step.statement) and step.statement.error is None:
            change = "appear in" if step.kind == "AddInherit" else "vanish from"
            message = f"the rows of {step.table} {change} queries on {parent}"
            yield Verdict(rule="SC407", message=message, statement=step.statement, table=step.table)


@rule(
    Rule(
        id="SC408",
        name="locks-every-partition",
        title="A change of a partitioned table locks every partition",
        severity="warning",
        proof="proven",
        reason="ALTER TABLE on the parent is done on each partition too, and all are locked together until the transaction "
        "ends. The more partitions, the longer it waits for a moment when no query runs on any of them.",
        source=f"5.12.2.2 Partition Maintenance; {_MEASURED}",
        remedy="where PostgreSQL allows it, change partition by partition, the parent ONLY last; else a lock_timeout with "
        "retries",
        example="op.execute(\"ALTER TABLE ONLY events ALTER COLUMN note SET DEFAULT ''\")",
    )
)
def fan_out(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield changes of parents that lock their partitions and do nothing there that another rule reports."""
    worked = {work.statement.number for work in all_works(facts)}
    seen: set[tuple[int, str]] = set()
    for step in steps(facts):
        if not step.command or step.kind in ("AttachPartition", "DetachPartition") or step.statement.number in worked:
            continue
        new = {lock.relation: lock.mode for lock in step.statement.new_locks if lock.mode.blocks_writers}
        children = sorted(descendants(facts, step.table) & set(new))
        if step.existed and children and (step.statement.number, step.table) not in seen:
            seen.add((step.statement.number, step.table))
            mode = max(new[child] for child in children)
            locked = f"{step.table} and {count_of(len(children), 'partition')} ({listed(children)})"
            message = f"the change locks {locked} under {mode.words} until the transaction ends; {who_waits(mode)}"
            yield Verdict(rule="SC408", message=message, statement=step.statement, table=children[0])


def _part(step: Step) -> str:
    """Return the partition that ATTACH or DETACH names."""
    return step.place(getattr(step.command.node, "def").partition_cmd.name) if step.command else step.table


def _is_default(work: Work) -> bool:
    """Return whether a default partition was read, not the table that becomes a partition."""
    tables = [table_of(work.facts.before, name) for name in work.tables]
    return any(isinstance(table, Table) and table.partition_bound == "DEFAULT" for table in tables)
