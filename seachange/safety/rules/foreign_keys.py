"""Section B, foreign keys: what they lock, read and need."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.postgres.catalog import Column, Constraint, Table, qualified
from seachange.safety.facts import LockMode, RevisionFacts
from seachange.safety.parsing import Node, constraint_kind
from seachange.safety.rules import Context, Rule, Verdict, rule
from seachange.safety.rules._added import added_constraints
from seachange.safety.rules._steps import Step, column_of, existed, modes, steps, table_of
from seachange.safety.rules._words import listed
from seachange.safety.rules._work import verdict_of, works

__all__ = [
    "foreign_key_added",
    "foreign_key_dropped",
    "foreign_key_of_new_table",
    "foreign_key_types",
    "foreign_key_without_action",
    "foreign_key_without_index",
    "incompatible_collations",
    "several_foreign_keys",
    "unvalidated_on_partitioned",
]

_MEASURED = "measured on 14 to 18: tests/battery"
_TWO = """\
op.create_foreign_key("orders_customer", "orders", "customers", ["customer_id"], ["id"], postgresql_not_valid=True)
# in the next revision, a transaction of its own:
op.execute("ALTER TABLE orders VALIDATE CONSTRAINT orders_customer")"""


@rule(
    Rule(
        id="SC202",
        name="foreign-key-added",
        title="A new FOREIGN KEY reads the whole table and blocks the writers of two",
        severity="error",
        proof="proven",
        reason="SHARE ROW EXCLUSIVE is held on both tables (not ACCESS EXCLUSIVE: readers go on) while each row's key is "
        "looked up. With NOT VALID the locks are held for a moment, and VALIDATE runs under SHARE UPDATE EXCLUSIVE, "
        "with ROW SHARE on the referenced table.",
        source=f"ALTER TABLE, ADD table_constraint and Notes; {_MEASURED}",
        remedy="add it NOT VALID, and VALIDATE it in another transaction",
        example=_TWO,
    )
)
def foreign_key_added(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield foreign keys that were looked up for all rows."""
    for work in works(facts, "foreign key"):
        table = work.step.table if work.step and work.step.table in work.tables else work.tables[0]
        name = f" {work.about}" if work.step and work.step.kind == "AddConstraint" and work.about else ""
        targets = [work.step.place(key.pktable) for key in _keys(work.step)] if work.step else []
        message = work.sentence(f"adding FOREIGN KEY{name} to {listed(targets)}", "looks up every row of", on=(table,))
        yield verdict_of(work, message, rule="SC202", context=context)


@rule(
    Rule(
        id="SC208",
        name="foreign-key-without-index",
        title="No index begins with the columns of a new foreign key",
        severity="warning",
        proof="proven",
        reason="PostgreSQL makes no index on the referencing side. Without one each DELETE, or UPDATE of the key, of a "
        "referenced row reads the whole referencing table, in the middle of somebody's transaction.",
        source="5.5.5 Foreign Keys; the catalogue after the revision",
        remedy="build an index on the referencing columns concurrently before the key is added",
        example="with op.get_context().autocommit_block():\n"
        '    op.create_index("orders_customer_id", "orders", ["customer_id"], postgresql_concurrently=True)',
    )
)
def foreign_key_without_index(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield foreign keys that the revision added without an index for them."""
    for table, key, statement in added_constraints(facts, "foreign key"):
        if not _is_indexed(table, key):
            columns = ", ".join(key.columns)
            target = f"{key.references_schema}.{key.references_table}"
            message = (
                f"no index of {table.qualified} begins with {columns}, which foreign key {key.name} refers by: deleting a row of "
                f"{target} reads all of {table.qualified}"
            )
            yield Verdict(rule="SC208", message=message, statement=statement, table=table.qualified)


@rule(
    Rule(
        id="SC209",
        name="foreign-key-types",
        title="A new foreign key has another type than the key that it references",
        severity="warning",
        proof="proven",
        reason="The server accepts int referencing bigint. When the referenced numbers outgrow the smaller type, rows can no "
        "longer be inserted, and until then comparisons are cast in every join.",
        source="5.5.5 Foreign Keys; the catalogue after the revision",
        remedy="give the referencing column the type of the referenced one before it has rows",
        example='op.add_column("orders", sa.Column("customer_id", sa.BigInteger()))  # as customers.id',
    )
)
def foreign_key_types(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield foreign keys between columns of different types."""
    for table, key, statement in added_constraints(facts, "foreign key"):
        for mine, theirs in _pairs(facts, table, key):
            if not _fits(mine, theirs):
                message = (
                    f"foreign key {key.name}: {table.qualified}.{mine.name} is {mine.type}, but the {theirs.name} that it "
                    f"references in {key.references_schema}.{key.references_table} is {theirs.type}"
                )
                yield Verdict(rule="SC209", message=message, statement=statement, table=table.qualified)


@rule(
    Rule(
        id="SC210",
        name="several-foreign-keys",
        title="Several foreign keys in one transaction block the writers of all their tables",
        severity="warning",
        proof="proven",
        reason="Each ADD FOREIGN KEY keeps SHARE ROW EXCLUSIVE on both of its tables until the transaction ends, so that the "
        "writers of the first wait while the locks of the last are waited for; and the more tables, the likelier a "
        "deadlock.",
        source=f"13.3.1 Table-Level Locks; 13.3.4 Deadlocks; {_MEASURED}",
        remedy="one foreign key per revision",
        example=_TWO,
    )
)
def several_foreign_keys(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield the last of several foreign keys of one transaction, with all that is locked by then."""
    transactions: dict[int, list[Step]] = {}
    for step in steps(facts, "AddConstraint", "AddColumn", "CreateStmt"):
        if step.statement.transaction and _locks(step):
            transactions.setdefault(step.statement.transaction, []).append(step)
    for found in transactions.values():
        count, last = sum(len(_keys(step)) for step in found), found[-1]
        held = modes(last.statement).items()
        tables = [name for name, mode in held if mode.blocks_writers and existed(facts, name, at=last.statement)]
        if len({step.statement.number for step in found}) > 1 and len(tables) > 2:
            message = f"{count} foreign keys in one transaction: the writers of {listed(sorted(tables))} wait until it ends"
            yield Verdict(rule="SC210", message=message, statement=last.statement, table=tables[0])


@rule(
    Rule(
        id="SC211",
        name="foreign-key-of-new-table",
        title="A new table with a foreign key blocks the writers of the referenced table",
        severity="info",
        proof="proven",
        reason="Even where the referencing table is new and empty, the referenced one is locked under SHARE ROW EXCLUSIVE "
        "until the transaction ends. It is brief by itself, but waits in the lock queue, and others behind it.",
        source=f"13.3.1 Table-Level Locks; {_MEASURED}",
        remedy="create the table in a short transaction of its own, with a lock_timeout",
        example="op.execute(\"SET LOCAL lock_timeout TO '2s'\")\n"
        'op.create_table("orders", sa.Column("customer_id", sa.BigInteger(), sa.ForeignKey("customers.id")))',
    )
)
def foreign_key_of_new_table(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield tables that were there and are locked because a new one references them."""
    for step in steps(facts, "CreateStmt", "AddConstraint"):
        if step.kind == "AddConstraint" and step.existed:
            continue
        locked = {lock.relation for lock in step.statement.new_locks if lock.mode == LockMode.SHARE_ROW_EXCLUSIVE}
        targets = [table for key in _keys(step) if (table := step.place(key.pktable)) in locked]
        if targets:
            tables = listed(targets)
            message = f"new table {step.table} references {tables}, locked under SHARE ROW EXCLUSIVE until the transaction ends"
            yield Verdict(rule="SC211", message=f"{message}; writers wait", statement=step.statement, table=targets[0])


@rule(
    Rule(
        id="SC212",
        name="foreign-key-dropped",
        title="Dropping a foreign key locks both tables against everybody",
        severity="warning",
        proof="proven",
        reason="The triggers of the key are on both tables, so DROP CONSTRAINT takes ACCESS EXCLUSIVE on the referenced "
        "table too, which few expect. It is brief, but it waits for every running query on either, and all new ones "
        "wait behind it.",
        source=f"13.3.1 Table-Level Locks; {_MEASURED}",
        remedy="in a transaction of its own, with a lock_timeout and retries",
        example='op.execute("SET LOCAL lock_timeout TO \'2s\'")\nop.drop_constraint("orders_customer", "orders")',
    )
)
def foreign_key_dropped(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield dropped foreign keys whose referenced table was locked."""
    for step in steps(facts, "DropConstraint"):
        locked = {lock.relation for lock in step.statement.new_locks if lock.mode.blocks_readers and lock.kind != "index"}
        key = _constraint(facts, step)
        if key and key.kind == "foreign key":
            others = sorted(locked - {step.table})
            if others and step.existed:
                message = f"dropping foreign key {step.name} locks {listed(others)} besides {step.table} under ACCESS EXCLUSIVE"
                yield Verdict(
                    rule="SC212", message=f"{message}; readers and writers wait", statement=step.statement, table=others[0]
                )


@rule(
    Rule(
        id="SC217",
        name="foreign-key-without-action",
        title="A foreign key says neither what happens on delete nor whether it is deferrable",
        severity="info",
        proof="policy",
        reason="NO ACTION, checked at once, is the default. Whether that is meant cannot be seen, and changing it later "
        "means a new key.",
        source="5.5.5 Foreign Keys",
        remedy="write ON DELETE out: RESTRICT, CASCADE or SET NULL",
        example='op.create_foreign_key("orders_customer", "orders", "customers", ["customer_id"], ["id"], ondelete="RESTRICT")',
        by_default=False,
    )
)
def foreign_key_without_action(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield new foreign keys without ON DELETE."""
    for table, key, statement in added_constraints(facts, "foreign key"):
        if "ON DELETE" not in key.definition and "DEFERRABLE" not in key.definition:
            message = f"foreign key {key.name} of {table.qualified} does not say what happens on delete"
            yield Verdict(rule="SC217", message=message, statement=statement, table=table.qualified, provenance="policy")


@rule(
    Rule(
        id="SC219",
        name="unvalidated-key-on-partitioned-table",
        title="Before 18 a foreign key of a partitioned table cannot be NOT VALID",
        severity="error",
        proof="proven",
        reason="14 to 17 refuse NOT VALID for a foreign key of a partitioned table; 18 allows it.",
        source="release notes of 18; measured on 14 to 18: tests/battery",
        remedy="before 18 add the key NOT VALID to each partition and validate it there, then add it to the parent",
        example='op.execute("ALTER TABLE orders_2026 ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID")',
        majors=(0, 17),
    )
)
def unvalidated_on_partitioned(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield foreign keys that a server before 18 refuses."""
    for step in steps(facts, "AddConstraint"):
        if not any(key.skip_validation for key in _keys(step)):
            continue
        table = table_of(facts.before, step.table)
        error = step.statement.error
        if error and "NOT VALID" in error.message:
            message = f"adding FOREIGN KEY {step.name} fails: {error.message}"
            yield Verdict(rule="SC219", message=message, statement=step.statement, table=step.table)
        elif error is None and isinstance(table, Table) and table.kind == "partitioned table":
            message = f"{step.table} is partitioned: adding FOREIGN KEY {step.name} NOT VALID fails"
            yield Verdict(rule="SC219", message=message, statement=step.statement, table=step.table, provenance="inferred")


@rule(
    Rule(
        id="SC220",
        name="foreign-key-collations",
        title="A foreign key joins columns of different collations",
        severity="warning",
        proof="proven",
        reason="Where one of the two collations is nondeterministic, equal on one side is not equal on the other. 18 refuses "
        "such a key, so a dump of an older server cannot be restored there.",
        source="release notes of 18; CREATE TABLE, REFERENCES",
        remedy="give both columns the same collation",
        example='op.execute("ALTER TABLE orders ALTER COLUMN code TYPE text COLLATE plain")  # see SC112',
    )
)
def incompatible_collations(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield foreign keys between collations, which 18 may refuse."""
    for table, key, statement in added_constraints(facts, "foreign key"):
        for mine, theirs in _pairs(facts, table, key):
            if mine.collation != theirs.collation:
                message = (
                    f"foreign key {key.name}: {table.qualified}.{mine.name} has collation {mine.collation or 'of the database'}, "
                    f"what it references {theirs.collation or 'that of the database'}; 18 refuses it if one is nondeterministic"
                )
                yield Verdict(rule="SC220", message=message, statement=statement, table=table.qualified)


def _keys(step: Step | None) -> tuple[Node, ...]:
    """Return the FOREIGN KEY constraints that a command adds."""
    if step is None:
        return ()
    if step.kind != "CreateStmt":
        return tuple(each for each in step.constraints if constraint_kind(each) == "FOREIGN")
    parts = [part for part in step.node.table_elts if part.WhichOneof("node") in ("constraint", "column_def")]
    inline = [each.constraint for part in parts for each in part.column_def.constraints]
    named = [part.constraint for part in parts if part.HasField("constraint")]
    return tuple(each for each in (*named, *inline) if constraint_kind(each) == "FOREIGN")


def _locks(step: Step) -> bool:
    mode = LockMode.SHARE_ROW_EXCLUSIVE
    return bool(_keys(step)) and any(lock.mode >= mode for lock in step.statement.new_locks)


def _is_indexed(table: Table, key: Constraint) -> bool:
    wanted = set(key.columns)
    owned = [each.columns for each in table.constraints if each.kind in ("primary key", "unique", "exclusion")]
    indexes = [each.columns for each in table.indexes if each.valid and not each.partial]
    return any(set(columns[: len(wanted)]) == wanted for columns in (*owned, *indexes))


def _pairs(facts: RevisionFacts, table: Table, key: Constraint) -> Iterator[tuple[Column, Column]]:
    target = qualified(key.references_schema, key.references_table)
    for mine, theirs in zip(key.columns, key.references_columns, strict=False):
        pair = column_of(facts.after, table.qualified, name=mine), column_of(facts.after, target, name=theirs)
        if pair[0] and pair[1]:
            yield pair[0], pair[1]


def _fits(mine: Column, theirs: Column) -> bool:
    if "domain" in (mine.type_ref.kind, theirs.type_ref.kind):
        return True
    unlimited = mine.type in ("text", "character varying") and theirs.type.startswith(("text", "character varying"))
    return unlimited or mine.type == theirs.type


def _constraint(facts: RevisionFacts, step: Step) -> Constraint | None:
    table = table_of(facts.before, step.table)
    known = table.constraints if isinstance(table, Table) else ()
    return next((each for each in known if each.name == step.name), None)
