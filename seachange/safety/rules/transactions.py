"""E5 to E7, E10: what else a transaction does while it holds locks that others wait for."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

from seachange.postgres.catalog import Table, qualified
from seachange.safety.facts import LockMode, RevisionFacts, StatementFacts
from seachange.safety.rules._acts import Act, acts, acts_of, existed, relation_after, relation_before
from seachange.safety.rules._registry import Context, Rule, Verdict, rule
from seachange.safety.rules._rows import changes_rows, reach
from seachange.safety.rules._words import listed
from seachange.safety.rules._work import all_works

__all__ = ["lock_order", "many_tables_locked", "rows_changed_under_lock", "work_under_lock"]

_MANY_TABLES = 3
_TABLES = ("table", "partitioned table")
_ROUTINES = ("DoStmt", "CallStmt")

_UNTIL_COMMIT = (
    "A lock is held until its transaction ends. Whatever the transaction does after it took ACCESS EXCLUSIVE, even on another "
    "table, is time in which nobody can read the locked one."
)
_SPLIT = (
    "# the first revision\n"
    'op.add_column("orders", sa.Column("state", sa.Text()))\n'
    "# the next revision, in a transaction of its own\n"
    "op.execute(\"UPDATE orders SET state = 'new' WHERE state IS NULL\")"
)


@rule(
    Rule(
        id="SC505",
        name="work-under-lock",
        title="Long work while the transaction holds a blocking lock",
        severity="error",
        proof="proven",
        reason=(
            f"{_UNTIL_COMMIT} The same work in a transaction of its own, before the lock is taken or after it was let go, "
            "stops nobody, or only those who need what it locks itself."
        ),
        source="PostgreSQL documentation, 13.3.1 Table-Level Locks; measured: 14.0 s for readers against milliseconds",
        remedy="put the long work into a revision of its own, or before the statement that locks",
        example=(
            "# the first revision\n"
            'op.drop_column("orders", "note")\n'
            "# the next revision\n"
            "with op.get_context().autocommit_block():\n"
            '    op.create_index("ix_orders_state", "orders", ["state"], postgresql_concurrently=True)'
        ),
    )
)
def work_under_lock(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find statements that rewrite, build or scan while their transaction holds a lock that an earlier one took."""
    del context
    found: dict[tuple[int, str, int], list[_Busy]] = {}
    for statement in revision.statements:
        mine = acts_of(revision, statement)
        if any(act.kind == "ValidateConstraint" or changes_rows(act) for act in mine):
            continue
        work = _work(statement, mine)
        # The lock on the table that it works on is in what the rule on that work says.
        works = (each for each in all_works(revision) if each.statement is statement)
        told = {_root(revision, table) for each in works for table in each.tables}
        held = _held(statement, revision, without={act.target for act in mine if act.command is not None})
        held = {table: mode for table, mode in held.items() if _root(revision, table) not in told}
        held = {table: mode for table, mode in held.items() if mode > _needs(mine).get(table, LockMode.ACCESS_SHARE)}
        if work and held:
            # A loop over tables is one finding.
            place = (statement.transaction, statement.file, statement.line or -statement.number)
            found.setdefault(place, []).append(_Busy(statement=statement, work=work, held=held))
    for group in found.values():
        work = {table: kinds for each in group for table, kinds in each.work.items()}
        held = group[0].held
        yield Verdict(
            rule="SC505",
            message=f"{_kinds(work)} of {listed(work)} while the transaction holds {_locks(held)}: {_who(held)} wait",
            statement=group[0].statement,
            table=next(iter(group[0].work)),
        )


@rule(
    Rule(
        id="SC510",
        name="rows-changed-under-lock",
        title="Rows are changed while the transaction holds a blocking lock",
        severity="error",
        proof="proven",
        reason=(
            f"{_UNTIL_COMMIT} Adding a column and filling it in one transaction stalled readers of a table of 1.5 million rows "
            "for 14.0 seconds; either alone takes milliseconds of their time."
        ),
        source="PostgreSQL documentation, 13.3.1 Table-Level Locks; measured: 14.0 s for readers",
        remedy="change the schema in one revision and the rows in the next one, in batches where they are many",
        example=_SPLIT,
    )
)
def rows_changed_under_lock(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find statements that change many rows while their transaction holds a blocking lock."""
    del context
    for act in acts(revision):
        if not changes_rows(act) or reach(act) == "few":
            continue
        held = _held(act.statement, revision)
        if held:
            verb = {"UpdateStmt": "UPDATE of", "DeleteStmt": "DELETE from", "MergeStmt": "MERGE into"}.get(
                act.kind, "rows go into"
            )
            message = f"{verb} {act.target} while the transaction holds {_locks(held)}: {_who(held)} wait until it commits"
            table = act.target if existed(revision, act.target) else next(iter(held))
            yield Verdict(rule="SC510", message=message, statement=act.statement, table=table)


@rule(
    Rule(
        id="SC506",
        name="many-tables-locked",
        title="One transaction holds blocking locks on many tables",
        severity="warning",
        proof="proven",
        reason=(
            "Locks add up: the first table stays locked until the last one could be locked too, which may have to wait for a "
            "slow query there. And transactions of the application that use two of the tables the other way round end in a "
            "deadlock."
        ),
        source="PostgreSQL documentation, 13.3.4 Deadlocks",
        remedy="one revision a table: each is a transaction of its own",
        example=(
            "# one revision\n"
            'op.add_column("orders", sa.Column("note", sa.Text()))\n'
            "# the next revision\n"
            'op.add_column("invoices", sa.Column("note", sa.Text()))'
        ),
    )
)
def many_tables_locked(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find transactions that lock three tables or more, one after the other."""
    del context
    for taken in _transactions(revision):
        if len(taken) >= _MANY_TABLES and not _only_keys(taken, revision):
            names = list(taken)
            yield Verdict(
                rule="SC506",
                message=f"with {names[-1]} the transaction holds blocking locks on {len(names)} tables: {', '.join(names)}",
                statement=taken[names[-1]],
                table=names[-1],
            )


@rule(
    Rule(
        id="SC507",
        name="lock-order",
        title="Two tables that refer to each other are locked one after the other",
        severity="warning",
        proof="proven",
        reason=(
            "INSERT into a table with a foreign key locks that table first and then a row of the one that it refers to; "
            "DELETE there goes the other way round. A transaction that holds one of the two with ACCESS EXCLUSIVE and asks "
            "for the other meets one of them half way: a deadlock, which PostgreSQL ends by cancelling one of the two."
        ),
        source="PostgreSQL documentation, 13.3.4 Deadlocks; 5.5.5 Foreign Keys",
        remedy="alter the two tables in revisions of their own",
        example=(
            "# one revision\n"
            'op.add_column("customers", sa.Column("note", sa.Text()))\n'
            "# the next revision\n"
            'op.add_column("orders", sa.Column("note", sa.Text()))'
        ),
    )
)
def lock_order(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find a table that is locked while the transaction holds ACCESS EXCLUSIVE on one that refers to it, or the other way."""
    del context
    for taken in _transactions(revision):
        if len(taken) >= _MANY_TABLES or _only_keys(taken, revision):
            continue
        for first, second in itertools.combinations(taken, 2):
            # What works long besides is SC505.
            if taken[first] is taken[second] or taken[second].long_work():
                continue
            for child, parent in ((first, second), (second, first)):
                if _refers(revision, child, parent):
                    message = f"{second} is locked while {first} is: {child} refers to {parent}, whose writers lock both as well"
                    yield Verdict(rule="SC507", message=message, statement=taken[second], table=second)
                    break


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Busy:
    statement: StatementFacts
    work: dict[str, tuple[str, ...]]
    held: dict[str, LockMode]


def _needs(mine: tuple[Act, ...]) -> dict[str, LockMode]:
    """Return the locks that a statement would take itself, had the transaction not taken them before."""
    return {act.target: LockMode.SHARE for act in mine if act.kind == "IndexStmt" and not act.node.concurrent}


def _work(statement: StatementFacts, mine: tuple[Act, ...]) -> dict[str, tuple[str, ...]]:
    """Return the long work of a statement; what a query by a key reads of a small table says nothing about a large one."""
    work = dict(statement.long_work())
    queries = [act for act in mine if act.kind == "SelectStmt"]
    if queries and all(reach(act) == "few" for act in queries):
        return {}
    if not any(act.kind in _ROUTINES for act in mine) and not queries:
        kept = {table: tuple(kind for kind in kinds if kind != "change") for table, kinds in work.items()}
        return {table: kinds for table, kinds in kept.items() if kinds}
    return work


def _held(statement: StatementFacts, revision: RevisionFacts, *, without: set[str] | None = None) -> dict[str, LockMode]:
    """Return the strongest blocking modes that were held when a statement began, by table, strongest first."""
    found: dict[str, LockMode] = {}
    for lock in statement.held_locks:
        blocks = lock.mode.blocks_writers and lock.kind in _TABLES
        if blocks and lock.relation not in (without or ()) and existed(revision, lock.relation):
            found[lock.relation] = max(lock.mode, found.get(lock.relation, lock.mode))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _kinds(work: dict[str, tuple[str, ...]]) -> str:
    return " and ".join(dict.fromkeys(kind for kinds in work.values() for kind in kinds))


def _locks(held: dict[str, LockMode]) -> str:
    (table, mode), *others = held.items()
    more = f" and locks on {len(others)} more" if others else ""
    return f"{mode.words} on {table}{more}"


def _who(held: dict[str, LockMode]) -> str:
    return "its readers and writers" if max(held.values()).blocks_readers else "its writers"


def _transactions(revision: RevisionFacts) -> Iterator[dict[str, StatementFacts]]:
    """Yield, for each transaction, the tables on which it takes blocking locks, with the statement that takes the first one."""
    by_transaction: dict[int, dict[str, StatementFacts]] = {}
    for statement in revision.statements:
        if not statement.transaction:
            continue
        for lock in statement.new_locks:
            if lock.mode.blocks_writers and lock.kind in _TABLES and existed(revision, lock.relation):
                root = _root(revision, lock.relation)
                by_transaction.setdefault(statement.transaction, {}).setdefault(root, statement)
    yield from by_transaction.values()


def _root(revision: RevisionFacts, table: str) -> str:
    """Return the partitioned table that a table is a part of, itself when it is none."""
    for _ in range(16):
        found = relation_before(revision, table) or relation_after(revision, table)
        if not isinstance(found, Table) or not found.partition_bound:
            break
        table = found.inherits[0]
    return table


def _only_keys(taken: dict[str, StatementFacts], revision: RevisionFacts) -> bool:
    """Whether all locks are those of foreign keys, or of one statement: other rules say that."""
    statements = {id(statement): statement for statement in taken.values()}
    if len(statements) == 1:
        return True
    mine = [act for statement in statements.values() for act in acts_of(revision, statement)]
    return bool(mine) and all(_adds_key(act) for act in mine)


def _adds_key(act: Act) -> bool:
    if act.kind == "CreateStmt":
        return True
    constraint = act.command.constraint if act.command else None
    return constraint is not None and constraint.HasField("pktable")


def _refers(revision: RevisionFacts, child: str, parent: str) -> bool:
    for found in (relation_before(revision, child), relation_after(revision, child)):
        if isinstance(found, Table) and any(
            qualified(key.references_schema, key.references_table) == parent for key in found.foreign_keys
        ):
            return True
    return False
