"""H: what only the rows of the real database can decide."""

from __future__ import annotations

import functools

from seachange.safety.rules._registry import Rule, declare, declare_decided

__all__ = ()

_CHECKS = "migration.check (data checks), and migration.apply just before the revision"


_data = functools.partial(declare_decided, proof="data", by=_CHECKS)


_data(
    801,
    "duplicates",
    "Rows that a new UNIQUE would not allow",
    reason=(
        "A unique constraint or index fails on the first pair of equal keys: 'could not create unique index'. Built "
        "concurrently it leaves an invalid index behind. NULLs count as different, unless NULLS NOT DISTINCT says otherwise."
    ),
    source="PostgreSQL documentation, 5.5.3 Unique Constraints; CREATE INDEX, Building Indexes Concurrently",
    remedy="merge or delete the duplicates in a data migration before",
    example='op.execute("DELETE FROM tags a USING tags b WHERE a.name = b.name AND a.id > b.id")',
)
_data(
    802,
    "nulls",
    "Rows with NULL where NOT NULL is to be set",
    reason="SET NOT NULL, a primary key and an added column without a default fail: 'column contains null values'.",
    source="PostgreSQL documentation, ALTER TABLE, SET NOT NULL",
    remedy="fill the column in a data migration before",
    example="op.execute(\"UPDATE orders SET state = 'open' WHERE state IS NULL\")",
)
_data(
    803,
    "check-violators",
    "Rows that violate a new CHECK or domain",
    reason=(
        "ADD CONSTRAINT ... CHECK and VALIDATE CONSTRAINT fail on the first row for which the condition is false; a row for "
        "which it is NULL passes. A constraint of a domain is checked in every table that uses it."
    ),
    source="PostgreSQL documentation, 5.5.1 Check Constraints; ALTER DOMAIN",
    remedy="mend the rows in a data migration before, or leave the constraint NOT VALID until they are",
    example='op.create_check_constraint("ck_total", "orders", "total >= 0", postgresql_not_valid=True)',
)
_data(
    804,
    "orphans",
    "Rows that refer to nothing",
    reason=(
        "ADD FOREIGN KEY and its VALIDATE CONSTRAINT fail on the first row whose key is in no row of the other table. A key "
        "with a NULL in it refers to nothing and passes, unless MATCH FULL."
    ),
    source="PostgreSQL documentation, 5.5.5 Foreign Keys",
    remedy="delete the orphans, or set their key to NULL, in a data migration before",
    example=(
        'op.execute("UPDATE orders SET client_id = NULL WHERE NOT EXISTS '
        '(SELECT FROM clients WHERE clients.id = orders.client_id)")'
    ),
)
_data(
    805,
    "failing-casts",
    "Values that cannot be cast to the new type",
    reason=(
        "ALTER COLUMN TYPE with a cast from text fails on the first value that is none of the new type: 'invalid input "
        "syntax'. From PostgreSQL 16 on pg_input_is_valid() finds them; before, each distinct value is tried within a "
        "savepoint."
    ),
    source="PostgreSQL documentation, System Information Functions (pg_input_is_valid); ALTER TABLE, SET DATA TYPE",
    remedy="mend the values before, or say in USING what becomes of them",
    example='op.alter_column("orders", "amount", type_=sa.Numeric(), postgresql_using="nullif(amount, \'\')::numeric")',
)
_data(
    806,
    "over-long-values",
    "Values that are too long or out of range for the new type",
    reason=(
        "A shorter varchar fails with 'value too long', a smaller number with 'out of range' or 'numeric field overflow'. "
        "Digits behind the point are rounded without a word."
    ),
    source="PostgreSQL documentation, 8.3 Character Types; 8.1 Numeric Types",
    remedy="shorten or correct the values before",
    example='op.execute("UPDATE clients SET name = left(name, 50) WHERE length(name) > 50")',
)
_data(
    807,
    "overlaps",
    "Rows that overlap, or lie outside of a partition's bound",
    reason=(
        "An exclusion constraint fails on two rows that conflict; ATTACH PARTITION on a row outside of the bound: 'partition "
        "constraint is violated by some row'; a new partition on rows of the default partition that belong into it."
    ),
    source="PostgreSQL documentation, 5.5.6 Exclusion Constraints; 5.12.2 Declarative Partitioning",
    remedy="move or mend the rows before",
)
declare(
    Rule(
        id="SC808",
        name="assertion",
        title="Something that somebody knows must be true before",
        severity="error",
        proof="data",
        reason="Some conditions no schema shows: that a backfill is complete, that nobody uses a flag any more. The revision can "
        "ask for itself, before it changes anything: what it raises ends it, and its transaction is rolled back.",
        source="Alembic documentation, Operation Reference, get_bind; our runner: one transaction for each revision",
        remedy="ask at the beginning of upgrade(), and raise what is missing",
        example='left = sa.text("SELECT count(*) FROM orders WHERE amount IS NULL")\n'
        "if op.get_bind().scalar(left):\n"
        '    raise RuntimeError("orders without an amount are left: run the backfill first")',
        decided_by="the revision itself, when it is applied",
    )
)
