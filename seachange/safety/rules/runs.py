"""E8, E9, E11 to E17, E20, E21: statements that commit by themselves, explicit locks, and what the runner sees to."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.safety import parsing
from seachange.safety.facts import LockMode, RevisionFacts
from seachange.safety.rules._acts import Act, acts, existed, find_acts
from seachange.safety.rules._registry import Context, Rule, Verdict, declare_decided, rule
from seachange.safety.rules._rows import changes_rows
from seachange.safety.rules._words import listed

__all__ = [
    "explicit_lock",
    "half_applied",
    "mergeable_alters",
    "needs_superuser",
    "transaction_in_text",
    "waits_for_advisory_lock",
]

_MANY_SAVEPOINTS = 64
_CREATES = (
    *("CreateStmt", "IndexStmt", "CreateSeqStmt", "CreateSchemaStmt", "CreateExtensionStmt", "ViewStmt", "CreateTableAsStmt"),
    *("CreateFunctionStmt", "CreateTrigStmt"),
)
_ONCE = (
    *("CreatePolicyStmt", "CreateEnumStmt", "CreateDomainStmt", "CompositeTypeStmt", "CreateRangeStmt", "CreatePublicationStmt"),
    *("AddConstraint", "RuleStmt", "AttachPartition", "DetachPartition", "CreateRoleStmt", "CreateCastStmt"),
)
_SUPERUSER = {
    "CreateEventTrigStmt": "CREATE EVENT TRIGGER",
    "CreateFdwStmt": "CREATE FOREIGN DATA WRAPPER",
    "CreateAmStmt": "CREATE ACCESS METHOD",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
}


@rule(
    Rule(
        id="SC508",
        name="half-applied",
        title="A revision that commits half way cannot be run again",
        severity="warning",
        proof="proven",
        reason=(
            "Outside of a transaction, in an autocommit_block, each statement commits by itself, and entering the block "
            "commits what came before. When a later statement fails, the revision is not recorded as applied, and the next "
            "run stops at the first statement that finds its work done already. IF NOT EXISTS alone is no answer for an "
            "index: it also accepts an invalid one."
        ),
        source="PostgreSQL documentation, CREATE INDEX, Building Indexes Concurrently; Alembic documentation, autocommit_block",
        remedy=(
            "give each such statement a revision of its own, or make it repeatable: IF NOT EXISTS, IF EXISTS, ON CONFLICT DO "
            "NOTHING"
        ),
        example=(
            "# one revision\n"
            "with op.get_context().autocommit_block():\n"
            '    op.create_index("ix_orders_state", "orders", ["state"], postgresql_concurrently=True)\n'
            "# the next one\n"
            'op.create_check_constraint("ck_orders_state", "orders", "state <> \'\'", postgresql_not_valid=True)'
        ),
    )
)
def half_applied(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find the first statement that is committed before the last one, and could not be run again."""
    del context
    last = revision.statements[-1] if revision.statements else None
    if last is None or all(statement.transaction for statement in revision.statements):
        return
    for act in acts(revision):
        committed = act.statement.transaction != last.transaction or not act.statement.transaction
        if act.statement is not last and committed and _only_once(act):
            rest = sum(statement.number > act.statement.number for statement in revision.statements)
            message = f"{_what(act)} is committed before {rest} more statement{'s' * (rest > 1)}, and cannot be run again"
            yield act.verdict("SC508", message)
            return


@rule(
    Rule(
        id="SC509",
        name="transaction-in-text",
        title="The text begins or ends a transaction",
        severity="error",
        proof="proven",
        reason=(
            "Alembic has a transaction open and knows nothing of a COMMIT in the text. What follows runs in no transaction or "
            "in one that nobody commits: a failure leaves half of the revision, or the revision counts as applied although "
            "the server threw it away. `migration.validate` finds the same in the text as raw-transaction."
        ),
        source="PostgreSQL documentation, COMMIT, Notes; Alembic documentation, MigrationContext.autocommit_block",
        remedy="leave it out; what needs no transaction goes into op.get_context().autocommit_block()",
        example='with op.get_context().autocommit_block():\n    op.execute("VACUUM ANALYZE orders")',
    )
)
def transaction_in_text(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find BEGIN, COMMIT and ROLLBACK."""
    del context
    for act in find_acts(revision, "TransactionStmt"):
        word = parsing.enum_name(act.node, "kind").removeprefix("TRANS_STMT_").replace("_", " ")
        if word in ("BEGIN", "START", "COMMIT", "ROLLBACK", "PREPARE", "COMMIT PREPARED", "ROLLBACK PREPARED"):
            yield act.verdict("SC509", f"{word} in the text ends or begins a transaction behind Alembic's back")


@rule(
    Rule(
        id="SC511",
        name="explicit-lock",
        title="LOCK TABLE",
        severity="warning",
        proof="proven",
        reason=(
            "The lock is held until the transaction ends, also over everything that needs no lock so strong. DDL takes the "
            "lock that it needs by itself."
        ),
        source="PostgreSQL documentation, LOCK; 13.3.1 Table-Level Locks",
        remedy="leave it out, or take the weakest mode that does, immediately before what needs it",
        example='op.execute("LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE")',
    )
)
def explicit_lock(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find LOCK TABLE in modes that stop writers."""
    del context
    for act in find_acts(revision, "LockStmt"):
        mode = LockMode(act.node.mode)
        if mode.blocks_writers and existed(revision, act.target):
            who = "readers and writers" if mode.blocks_readers else "writers"
            yield act.verdict("SC511", f"LOCK TABLE takes {mode.words} on {act.target}: {who} wait until the transaction ends")


@rule(
    Rule(
        id="SC512",
        name="mergeable-alters",
        title="Several passes over one table where one would do",
        severity="info",
        proof="proven",
        reason=(
            "Each ALTER TABLE that rewrites or verifies a table goes through all its rows. The actions of one ALTER TABLE "
            "share a single pass, so that two changes in one statement take half of the time under the lock."
        ),
        source="PostgreSQL documentation, ALTER TABLE, Notes",
        remedy="write them as one ALTER TABLE",
        example='op.execute("ALTER TABLE orders ALTER a TYPE bigint, ALTER b TYPE bigint")',
    )
)
def mergeable_alters(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find a second ALTER TABLE of a transaction that goes through the rows of the same table."""
    del context
    passes: dict[tuple[int, str], dict[int, Act]] = {}
    for act in acts(revision):
        statement = act.statement
        work = statement.long_work().get(act.target, ())
        if act.command is not None and statement.transaction and {"rewrite", "scan"} & set(work):
            passes.setdefault((statement.transaction, act.target), {}).setdefault(statement.number, act)
    for (_, table), found in passes.items():
        _, *others = found.values()
        if others:
            lines = dict.fromkeys(str(act.statement.line) for act in found.values() if act.statement.line)
            by = f", by the lines {listed(lines)}" if len(lines) > 1 else ""
            message = f"{len(found)} passes over {table} in one transaction{by}: one would do"
            yield others[0].verdict("SC512", message)


@rule(
    Rule(
        id="SC514",
        name="waits-for-advisory-lock",
        title="A revision waits for an advisory lock",
        severity="warning",
        proof="inferred",
        reason=(
            "A session that waits for an advisory lock holds a snapshot meanwhile, and a concurrent index build waits for "
            "every snapshot that is older than its own: two deployers, one building and one waiting, wait for each other, "
            "which ends in a deadlock or not at all. The runner's own mutex is asked for again and again instead, on a "
            "connection without a transaction."
        ),
        source="PostgreSQL documentation, 13.3.5 Advisory Locks; flyway issues 1654, 3682, 3961; measured",
        remedy="leave the mutex to `migration.apply`, or poll pg_try_advisory_lock",
        example='op.execute("SELECT pg_try_advisory_xact_lock(42)")',
    )
)
def waits_for_advisory_lock(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find calls of the functions that wait."""
    del context
    for act in find_acts(revision, "SelectStmt"):
        for name in parsing.functions(act.node):
            if name.startswith("pg_advisory_") and "lock" in name and "unlock" not in name:
                yield act.verdict("SC514", f"{name}() waits, with a snapshot that concurrent builds wait for in turn")


@rule(
    Rule(
        id="SC520",
        name="needs-superuser",
        title="Only a superuser may do this, or it makes too many subtransactions",
        severity="warning",
        proof="inferred",
        reason=(
            "The throwaway server lets its owner do everything; the role that migrates in production is usually none that "
            "may. And more than 64 savepoints that write in one transaction overflow what a backend caches of them, after "
            "which every snapshot of every session has to look into pg_subtrans."
        ),
        source="PostgreSQL documentation, the Notes of each command; src/include/storage/proc.h (PGPROC_MAX_CACHED_SUBXIDS)",
        remedy="have the administrator do it once, outside of the history; or work in batches that commit",
        example='op.execute("CREATE EXTENSION IF NOT EXISTS citext")  # trusted: its database\'s owner may',
    )
)
def needs_superuser(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find statements for superusers only, and loops of savepoints."""
    del context
    savepoints: dict[int, int] = {}
    for act in acts(revision):
        what = _SUPERUSER.get(act.kind) or ("COPY with a file or a program of the server" if _copies_file(act) else "")
        if what:
            yield act.verdict("SC520", f"{what} is for superusers, or for roles that were given that right")
        if act.kind == "TransactionStmt" and parsing.enum_name(act.node, "kind") == "TRANS_STMT_SAVEPOINT":
            transaction = act.statement.transaction
            before = savepoints.get(transaction, 0)
            savepoints[transaction] = before + act.statement.count
            if before < _MANY_SAVEPOINTS <= savepoints[transaction]:
                yield act.verdict("SC520", f"{savepoints[transaction]} savepoints or more in one transaction")


def _copies_file(act: Act) -> bool:
    return act.kind == "CopyStmt" and (bool(act.node.filename) or bool(act.node.is_program))


def _only_once(act: Act) -> bool:
    node = act.node
    if changes_rows(act):
        return act.kind == "InsertStmt" and not node.HasField("on_conflict_clause")
    if act.kind in _CREATES:
        fields = node.DESCRIPTOR.fields_by_name
        return not any(name in fields and getattr(node, name) for name in ("if_not_exists", "replace"))
    if act.command is not None:
        command = act.command
        return command.kind in ("AddColumn", "DropColumn", "DropConstraint", "AddConstraint") and not command.node.missing_ok
    if act.kind.startswith(("drop ", "rename ")):
        return not node.missing_ok
    if act.kind == "AlterEnumStmt":
        return bool(node.old_val) or not node.skip_if_new_val_exists
    return act.kind in _ONCE


def _what(act: Act) -> str:
    words = " ".join(act.statement.sql.split())
    return words if len(words) <= 60 else f"{words[:57]}..."


declare_decided(
    513,
    "concurrent-deployers",
    "Two deployers at once",
    reason=(
        "Alembic takes no lock: two deployers that start together read the same current revision and apply the next one "
        "twice. Seachange takes an advisory lock for the database on a connection of its own, asks again and again without "
        "waiting in the server, and names who holds it."
    ),
    source="Alembic issue 633; PostgreSQL documentation, 13.3.5 Advisory Locks",
    remedy="deploy by `invoke migration.apply`; `invoke migration.repair` shows a lock that was left behind",
    by="migration.apply (its lock; exit code 6 when another holds it)",
)
declare_decided(
    515,
    "connection-pooler",
    "Migrating through a connection pooler",
    reason=(
        "A pooler lends one session of the server to many clients in turn: settings and advisory locks reach the wrong one. "
        "Seachange notices a pooler by the process id in its greeting and refuses."
    ),
    source="pgbouncer documentation, Features, SQL feature map for pooling modes; docs/locks.md",
    remedy="set DIRECT_URL to the server itself",
    by="migration.apply (refused with exit code 3)",
)
declare_decided(
    517,
    "session-hygiene",
    "Sessions without a name or a limit for idling",
    reason=(
        "A session that hangs in a transaction keeps its locks, and one without application_name cannot be told from the "
        "others in pg_stat_activity. That is a matter of how revisions are run: the runner's own sessions are called "
        "seachange, and it holds no transaction open while it waits for anything but the server."
    ),
    source="PostgreSQL documentation, 20.11.1 (idle_in_transaction_session_timeout), 20.8.2 (application_name)",
    remedy="run revisions by `invoke migration.apply`; set idle_in_transaction_session_timeout for the role that migrates",
    by="migration.apply",
)
declare_decided(
    521,
    "busy-table",
    "A table that many sessions use",
    reason=(
        "The busier a table, the longer a blocking lock on it waits and the more sessions pile up behind. How large a table "
        "is, and so how grave a finding about it, comes from the statistics of the real server."
    ),
    source="PostgreSQL documentation, 27.2 The Cumulative Statistics System",
    remedy="give lint the real sizes: a database that it may read, or a file written by `invoke db.stats`",
    by="migration.lint with statistics (db.stats): severity grows with size",
)
