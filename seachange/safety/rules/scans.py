"""Section A, scans and builds: columns and domains that are checked on every row while everybody waits."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.safety.facts import LockMode, RevisionFacts
from seachange.safety.parsing import constraint_kind
from seachange.safety.rules import Context, Rule, Verdict, rule
from seachange.safety.rules._steps import existed, steps
from seachange.safety.rules._words import listed
from seachange.safety.rules._work import verdict_of, works

__all__ = ["column_with_check", "column_with_key", "column_with_reference", "domain_constraint", "nullable_key", "set_not_null"]

_NOTES = "ALTER TABLE, Notes; measured on 14 to 18: tests/battery"


@rule(
    Rule(
        id="SC106",
        name="column-with-check",
        title="A new column with an inline CHECK reads the whole table",
        severity="error",
        proof="proven",
        reason="ADD COLUMN by itself only touches the catalogue, but with a CHECK in the same command every row is tried "
        "while ACCESS EXCLUSIVE is held, although all have the same value.",
        source=_NOTES,
        remedy="add the column, then the CHECK as NOT VALID, and VALIDATE it in another transaction",
        example='op.add_column("orders", sa.Column("amount", sa.Integer()))\n'
        'op.create_check_constraint("amount_positive", "orders", "amount > 0", postgresql_not_valid=True)\n'
        '# in the next revision: op.execute("ALTER TABLE orders VALIDATE CONSTRAINT amount_positive")',
    )
)
def column_with_check(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield columns added with a CHECK that the server tried on all rows."""
    for work in works(facts, "column check"):
        yield verdict_of(work, work.sentence(f"adding column {work.about} with a CHECK"), rule="SC106", context=context)


@rule(
    Rule(
        id="SC107",
        name="column-with-key",
        title="A new column with an inline UNIQUE or PRIMARY KEY builds an index",
        severity="error",
        proof="proven",
        reason="The index is built over the whole table while the ACCESS EXCLUSIVE of ADD COLUMN is held, although a new "
        "column has nothing yet to be found.",
        source=_NOTES,
        remedy="add the column, build a unique index concurrently, then ADD CONSTRAINT ... UNIQUE USING INDEX",
        example='op.add_column("orders", sa.Column("code", sa.Text()))\n'
        "with op.get_context().autocommit_block():\n"
        '    op.create_index("orders_code_key", "orders", ["code"], unique=True, postgresql_concurrently=True)\n'
        'op.execute("ALTER TABLE orders ADD CONSTRAINT orders_code_key UNIQUE USING INDEX orders_code_key")',
    )
)
def column_with_key(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield columns added with a key whose index the server built."""
    for work in works(facts, "column unique", "column primary key"):
        word = "UNIQUE" if work.name == "column unique" else "PRIMARY KEY"
        yield verdict_of(work, work.sentence(f"adding column {work.about} with {word}"), rule="SC107", context=context)


@rule(
    Rule(
        id="SC108",
        name="column-with-reference",
        title="A new column with REFERENCES locks the referenced table too",
        severity="warning",
        proof="proven",
        reason="Besides ACCESS EXCLUSIVE on its own table the command takes SHARE ROW EXCLUSIVE on the referenced one, which "
        "stops its writers until the transaction ends. It reads no row: the column is new and NULL everywhere, and "
        "the server knows that.",
        source=_NOTES,
        remedy="run it in a short transaction of its own with a lock_timeout; or add the key NOT VALID later",
        example="op.execute(\"SET LOCAL lock_timeout TO '2s'\")\n"
        'op.add_column("orders", sa.Column("customer_id", sa.BigInteger(), sa.ForeignKey("customers.id")))',
    )
)
def column_with_reference(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield columns added with a foreign key, where no row is read for it."""
    read = {(work.statement.number, table) for work in works(facts, "foreign key") for table in work.tables}
    for step in steps(facts, "AddColumn"):
        keys = [each for each in step.constraints if constraint_kind(each) == "FOREIGN"]
        locked = {lock.relation for lock in step.statement.new_locks if lock.mode == LockMode.SHARE_ROW_EXCLUSIVE}
        targets = [table for key in keys if (table := step.place(key.pktable)) in locked and table != step.table]
        if targets and step.existed and (step.statement.number, step.table) not in read:
            message = (
                f"adding column {step.name} with a foreign key locks {listed(targets)} under SHARE ROW EXCLUSIVE besides "
                f"{step.table} under ACCESS EXCLUSIVE until the transaction ends; no row is read"
            )
            yield Verdict(rule="SC108", message=message, statement=step.statement, table=targets[0])


@rule(
    Rule(
        id="SC110",
        name="set-not-null",
        title="SET NOT NULL reads the whole table",
        severity="error",
        proof="proven",
        reason="All rows are read under ACCESS EXCLUSIVE, unless a validated CHECK says exactly that the column IS NOT NULL: "
        "then the server answers that existing constraints are sufficient to prove it. A NOT VALID check, or one such "
        "as b > 0, proves nothing.",
        source="ALTER TABLE, SET NOT NULL; measured on 14 to 18: tests/battery",
        remedy="CHECK (c IS NOT NULL) NOT VALID, VALIDATE in another transaction, SET NOT NULL, drop the check; on 18 ADD "
        "CONSTRAINT ... NOT NULL c NOT VALID, then VALIDATE",
        example='op.create_check_constraint("c_not_null", "orders", "c IS NOT NULL", postgresql_not_valid=True)\n'
        '# in the next revision: op.execute("ALTER TABLE orders VALIDATE CONSTRAINT c_not_null")\n'
        "# and in one more:\n"
        'op.alter_column("orders", "c", nullable=False)\n'
        'op.drop_constraint("c_not_null", "orders")',
    )
)
def set_not_null(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield columns that were made NOT NULL by reading their table."""
    for work in works(facts, "not null"):
        subject = (
            f"SET NOT NULL on {work.about}" if work.step and work.step.kind == "SetNotNull" else "adding a NOT NULL constraint"
        )
        yield verdict_of(work, work.sentence(subject), rule="SC110", context=context)


@rule(
    Rule(
        id="SC119",
        name="domain-constraint",
        title="A new constraint of a domain reads every table that uses it",
        severity="error",
        proof="proven",
        reason="ALTER DOMAIN ... ADD CONSTRAINT takes SHARE on each table with a column of the domain, which stops their "
        "writers, and reads all their rows. With NOT VALID it locks no table at all.",
        source="ALTER DOMAIN; measured on 14 to 18: tests/battery",
        remedy="add the constraint NOT VALID, and validate it in a transaction of its own at a quiet time",
        example='op.execute("ALTER DOMAIN amount ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID")\n'
        '# in the next revision: op.execute("ALTER DOMAIN amount VALIDATE CONSTRAINT positive")',
    )
)
def domain_constraint(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield constraints of domains that were tried on all rows."""
    for work in works(facts, "domain constraint"):
        yield verdict_of(work, work.sentence("the constraint of the domain"), rule="SC119", context=context)


@rule(
    Rule(
        id="SC121",
        name="primary-key-on-nullable-column",
        title="PRIMARY KEY USING INDEX on a nullable column reads the whole table",
        severity="error",
        proof="proven",
        reason="A primary key makes its columns NOT NULL. Where one is not yet, USING INDEX spares the build of the index "
        "but not the search for NULLs, which reads all rows under ACCESS EXCLUSIVE.",
        source="ALTER TABLE, ADD table_constraint_using_index; measured on 14 to 18: tests/battery",
        remedy="make the columns NOT NULL by a validated check first (SC110)",
        example="# when CHECK (id IS NOT NULL) is validated:\n"
        'op.alter_column("orders", "id", nullable=False)\n'
        'op.execute("ALTER TABLE orders ADD PRIMARY KEY USING INDEX orders_id")',
    )
)
def nullable_key(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield primary keys made of an index whose columns had to be searched for NULLs."""
    for work in works(facts, "nullable key"):
        if all(existed(facts, table, at=work.statement) for table in work.tables):
            yield verdict_of(work, work.sentence("PRIMARY KEY USING INDEX on a nullable column"), rule="SC121", context=context)
