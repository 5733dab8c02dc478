"""Section A, rewrites: what makes the server write a table anew while everybody waits."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.safety.facts import RevisionFacts
from seachange.safety.parsing import constraint_kind, names
from seachange.safety.rules import Context, Rule, Verdict, rule
from seachange.safety.rules._steps import steps
from seachange.safety.rules._work import verdict_of, works

__all__ = [
    "constrained_domain",
    "domain_with_constraint",
    "identity_column",
    "other_work",
    "persistence",
    "serial_column",
    "storage",
    "stored_column",
    "volatile_default",
]

_NOTES = "PostgreSQL documentation, ALTER TABLE, Notes"
_MEASURED = "measured: tests/battery"
_BACKFILL = """\
op.add_column("orders", sa.Column("token", sa.Uuid(), nullable=True))
op.alter_column("orders", "token", server_default=sa.text("gen_random_uuid()"))
# in a later revision: fill the old rows in batches, each committed, then
# CHECK (token IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT and SET NOT NULL, each in a transaction of its own"""
_NUMBERED = """\
op.add_column("orders", sa.Column("number", sa.BigInteger(), nullable=True))
op.execute("CREATE SEQUENCE orders_number_seq OWNED BY orders.number")
op.alter_column("orders", "number", server_default=sa.text("nextval('orders_number_seq')"))
# in a later revision: fill the old rows in batches"""


@rule(
    Rule(
        id="SC100",
        name="blocking-work",
        title="A table is rewritten, verified or indexed under a lock that others wait for",
        severity="error",
        proof="proven",
        reason="The server itself reported work that grows with the table while the transaction held a lock that writers, or "
        "readers too, wait for. No narrower rule knows the command that caused it: a DO block or a function, for "
        "instance, runs its statements out of sight of whoever reads the text.",
        source=f"{_NOTES}; 13.3.1 Table-Level Locks; {_MEASURED}",
        remedy="write the command out as an operation of its own, so that the rule for it can name the online form",
        example='op.execute("ALTER TABLE orders ...")  # instead of a DO block that runs it',
    )
)
def other_work(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield the work that no other rule explains."""
    for work in works(facts):
        yield verdict_of(work, work.sentence("the statement"), rule="SC100", context=context)


@rule(
    Rule(
        id="SC101",
        name="volatile-default",
        title="A new column with a volatile default rewrites the table",
        severity="error",
        proof="proven",
        reason="A default that is the same for all rows is stored once in the catalogue. random(), clock_timestamp(), "
        "gen_random_uuid() or nextval() differ from row to row, so the server writes the whole table and all its "
        "indexes anew under ACCESS EXCLUSIVE. now() is stable, not volatile: it rewrites nothing.",
        source=f"{_NOTES}; 36.7 Function Volatility Categories; {_MEASURED}",
        remedy="add the column without a default, then SET DEFAULT for new rows, and fill the old ones in batches",
        example=_BACKFILL,
    )
)
def volatile_default(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield columns whose default made the server rewrite their table."""
    for work in works(facts, "volatile default"):
        message = work.sentence(f"adding column {work.about} with a volatile default")
        yield verdict_of(work, message, rule="SC101", context=context)


@rule(
    Rule(
        id="SC102",
        name="serial-column",
        title="A new serial column rewrites the table",
        severity="error",
        proof="proven",
        reason="serial is an integer whose default is nextval() of a new sequence, hence a volatile default: each row that "
        "is there gets a number of its own, and the table and all its indexes are written anew under ACCESS "
        "EXCLUSIVE.",
        source=f"8.1.4 Serial Types; {_NOTES}; {_MEASURED}",
        remedy="add a nullable bigint, give it the sequence as default, and fill the old rows in batches",
        example=_NUMBERED,
    )
)
def serial_column(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield serial columns added to tables that were there."""
    for work in works(facts, "serial"):
        message = work.sentence(f"adding serial column {work.about}")
        yield verdict_of(work, message, rule="SC102", context=context)


@rule(
    Rule(
        id="SC103",
        name="identity-column",
        title="A new identity column rewrites the table",
        severity="error",
        proof="proven",
        reason="An identity column numbers the rows that are there too, so the server writes the table and all its indexes "
        "anew under ACCESS EXCLUSIVE. Making an existing, filled column an identity column does not.",
        source=f"{_NOTES}; 5.3 Identity Columns; {_MEASURED}",
        remedy="add a nullable bigint, fill it in batches, then ALTER COLUMN ... ADD GENERATED BY DEFAULT AS IDENTITY",
        example='op.add_column("orders", sa.Column("number", sa.BigInteger(), nullable=True))\n'
        "# later: fill in batches, SET NOT NULL by a validated check, then\n"
        'op.execute("ALTER TABLE orders ALTER COLUMN number ADD GENERATED BY DEFAULT AS IDENTITY")',
    )
)
def identity_column(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield identity columns added to tables that were there."""
    for work in works(facts, "identity"):
        message = work.sentence(f"adding identity column {work.about}")
        yield verdict_of(work, message, rule="SC103", context=context)


@rule(
    Rule(
        id="SC104",
        name="stored-generated-column",
        title="A new stored generated column rewrites the table",
        severity="error",
        proof="proven",
        reason="The value of a GENERATED ... STORED column is kept in each row, so adding one, or giving one another "
        "expression, writes the table and all its indexes anew under ACCESS EXCLUSIVE. A VIRTUAL column (18 and "
        "later) is computed when it is read and rewrites nothing.",
        source=f"{_NOTES}; 5.4 Generated Columns; {_MEASURED}",
        remedy="on 18 and later make it VIRTUAL; before, add a plain column, keep it by a trigger, and fill the old rows in "
        "batches",
        example='op.execute("ALTER TABLE orders ADD COLUMN total numeric GENERATED ALWAYS AS (price * amount) VIRTUAL")  # 18',
    )
)
def stored_column(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield stored generated columns that made the server rewrite their table."""
    for work in works(facts, "stored"):
        doing = "adding" if work.step and work.step.kind == "AddColumn" else "changing"
        message = work.sentence(f"{doing} stored generated column {work.about}")
        yield verdict_of(work, message, rule="SC104", context=context)


@rule(
    Rule(
        id="SC105",
        name="constrained-domain-column",
        title="A new column of a domain with a constraint rewrites the table",
        severity="error",
        proof="proven",
        reason="The server tries the constraints of a domain on each row's new value, NULL or default, and rewrites the "
        "table under ACCESS EXCLUSIVE for that, even when there is no default at all. Nothing in the text of the "
        "statement shows it.",
        source=_MEASURED,
        remedy="use the type under the domain, and a CHECK that is added NOT VALID and validated in another transaction",
        example='op.add_column("orders", sa.Column("amount", sa.Integer()))\n'
        'op.create_check_constraint("amount_positive", "orders", "amount > 0", postgresql_not_valid=True)\n'
        '# in the next revision: op.execute("ALTER TABLE orders VALIDATE CONSTRAINT amount_positive")',
    )
)
def constrained_domain(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield columns whose domain made the server rewrite their table."""
    for work in works(facts, "domain"):
        kind = f" of domain {work.step.command.type}" if work.step and work.step.command else ""
        message = work.sentence(f"adding column {work.about}{kind}")
        yield verdict_of(work, message, rule="SC105", context=context)


@rule(
    Rule(
        id="SC114",
        name="persistence-change",
        title="SET UNLOGGED or SET LOGGED rewrites the table",
        severity="error",
        proof="proven",
        reason="A change between logged and unlogged writes the table and its indexes anew under ACCESS EXCLUSIVE, and SET "
        "LOGGED writes all of it to the WAL. Asking for what the table is already costs the lock only.",
        source=f"ALTER TABLE, SET LOGGED; {_MEASURED}",
        remedy="fill a new table of the wanted kind in batches and swap names, or do it in a maintenance window",
        example='op.execute("CREATE TABLE events_new (LIKE events INCLUDING ALL)")  # then copy in batches, and rename both',
    )
)
def persistence(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield changes between logged and unlogged."""
    for work in works(facts, "persistence"):
        word = "LOGGED" if work.step and work.step.kind == "SetLogged" else "UNLOGGED"
        yield verdict_of(work, work.sentence(f"SET {word}"), rule="SC114", context=context)


@rule(
    Rule(
        id="SC115",
        name="storage-move",
        title="SET TABLESPACE or SET ACCESS METHOD copies the table",
        severity="error",
        proof="proven",
        reason="Another tablespace or access method means another file: everything is copied under ACCESS EXCLUSIVE.",
        source=f"ALTER TABLE, SET TABLESPACE and SET ACCESS METHOD; {_MEASURED}",
        remedy="copy into a new table in batches and swap, use pg_repack, or move partition by partition",
        example="pg_repack --tablespace fast --table orders  # outside of Alembic",
    )
)
def storage(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield moves of tables to another place or form."""
    for work in works(facts, "storage"):
        word = "ACCESS METHOD" if work.step and work.step.kind == "SetAccessMethod" else "TABLESPACE"
        yield verdict_of(work, work.sentence(f"SET {word}", "copies"), rule="SC115", context=context)


@rule(
    Rule(
        id="SC120",
        name="domain-with-constraint",
        title="A domain with a constraint makes later changes heavy",
        severity="info",
        proof="policy",
        reason="Each column of such a domain that is added later rewrites its table (SC105), and each constraint that is "
        "added to the domain later blocks the writers of all tables that use it and reads them (SC119).",
        source=_MEASURED,
        remedy="put the CHECK on the column, where it can be added NOT VALID and validated by itself",
        example='op.create_check_constraint("amount_positive", "orders", "amount > 0")',
    )
)
def domain_with_constraint(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield new domains that have constraints."""
    for step in steps(facts, "CreateDomainStmt"):
        kinds = {constraint_kind(each.constraint) for each in step.node.constraints}
        if kinds & {"CHECK", "NOTNULL"}:
            name = ".".join(names(step.node.domainname))
            message = f"domain {name} has a constraint: each column of it that is added later rewrites its table"
            yield Verdict(rule="SC120", message=message, statement=step.statement)
