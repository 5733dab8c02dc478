"""E1 to E4: how long a statement waits for its locks and how long it may work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seachange.safety.facts import LockMode, RelationLock, RevisionFacts, StatementFacts
from seachange.safety.rules._acts import Act, acts, acts_of, existed
from seachange.safety.rules._registry import Context, Rule, Verdict, rule
from seachange.safety.rules._settings import InForce, in_force, milliseconds, settings_of

__all__ = [
    "long_or_late_lock_timeout",
    "no_lock_timeout",
    "statement_timeout_unfit",
    "timeout_below_deadlock_timeout",
]

_PATIENCE_MS = 10_000
_SHORT_MS = 60_000
_DEADLOCK_TIMEOUT = "1s"
_TABLES = ("table", "partitioned table", "materialized view", "foreign table")

_QUEUE = (
    "PostgreSQL grants locks in the order in which they were asked for: a statement that waits for a strong lock behind one slow "
    "transaction makes everybody who comes later wait as well, readers too."
)


@rule(
    Rule(
        id="SC501",
        name="no-lock-timeout",
        title="A blocking lock is waited for without a limit",
        severity="error",
        proof="proven",
        reason=(
            f"{_QUEUE} Without lock_timeout that lasts as long as the slow transaction does. Seachange's own runner sets a "
            "limit for every statement; this is found where statements run under lock_timeout = 0 all the same, because "
            "env.py or a connection option set it."
        ),
        source="PostgreSQL documentation, 20.11.1 Statement Behavior (lock_timeout); 13.3 Explicit Locking",
        remedy="let the runner set lock_timeout, or set some seconds in env.py",
        example='op.execute("SET LOCAL lock_timeout = \'2s\'")\nop.add_column("orders", sa.Column("note", sa.Text()))',
    )
)
def no_lock_timeout(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find the first blocking lock that is taken under lock_timeout = 0 which the revision did not set."""
    del context
    for moment in in_force(revision, "lock_timeout"):
        locks = _blocking(moment.statement, revision)
        if locks and moment.setter is None and moment.milliseconds == 0:
            yield Verdict(
                rule="SC501",
                message=f"lock_timeout is 0 when {_words(locks)} is asked for",
                statement=moment.statement,
                table=locks[0].relation,
            )
            return


@rule(
    Rule(
        id="SC502",
        name="lock-timeout-too-long-or-late",
        title="The revision itself sets lock_timeout to nothing, too long or too late",
        severity="warning",
        proof="proven",
        reason=(
            f"{_QUEUE} What a revision sets is left alone by the runner, so that 0 or minutes mean an outage of that length; "
            "a limit that is set after the lock was taken limits nothing."
        ),
        source="PostgreSQL documentation, 20.11.1 Statement Behavior (lock_timeout)",
        remedy="leave lock_timeout to the runner, or set 2 to 10 seconds before the first statement that locks a table",
        example="op.execute(\"SET LOCAL lock_timeout = '2s'\")",
    )
)
def long_or_late_lock_timeout(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find blocking locks under a limit of the revision's own that is no limit, and limits that come too late."""
    del context
    said: set[int] = set()
    waiting: set[int] = set()
    for moment in in_force(revision, "lock_timeout"):
        locks, limit, setter = _blocking(moment.statement, revision), moment.milliseconds, moment.setter
        if not locks or setter is None:
            continue
        waiting.add(setter.statement.number)
        if limit is not None and (limit == 0 or limit > _PATIENCE_MS) and setter.statement.number not in said:
            said.add(setter.statement.number)
            what = "has no limit: the revision sets lock_timeout to 0" if limit == 0 else f"may last {moment.value}"
            message = f"the wait for {_words(locks)} {what}{_at(setter)}"
            yield Verdict(rule="SC502", message=message, statement=moment.statement, table=locks[0].relation)
    for act in acts(revision):
        if _sets_lock_timeout(act) and act.statement.number not in waiting:
            held = [lock for lock in act.statement.held_locks if lock.mode.blocks_writers and lock.kind in _TABLES]
            if held:
                yield act.verdict("SC502", f"lock_timeout is set after {_words(held)} was taken, and no other lock follows")


@rule(
    Rule(
        id="SC503",
        name="lock-timeout-below-deadlock-timeout",
        title="lock_timeout is not longer than deadlock_timeout",
        severity="warning",
        proof="proven",
        reason=(
            "An autovacuum worker that stands in the way is only asked to yield once a waiting statement has waited for "
            "deadlock_timeout, one second by default. A shorter lock_timeout gives up before that, so on a table that autovacuum "
            "works on for hours no try ever succeeds. Seachange's runner uses twice deadlock_timeout, two seconds at least."
        ),
        source="PostgreSQL source, src/backend/storage/lmgr/proc.c (ProcSleep, DS_BLOCKED_BY_AUTOVACUUM); measured",
        remedy="set lock_timeout to twice deadlock_timeout, or leave it to the runner",
        example="op.execute(\"SET LOCAL lock_timeout = '2s'\")",
    )
)
def timeout_below_deadlock_timeout(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find blocking locks that are waited for no longer than deadlock_timeout because the revision says so."""
    said: set[int] = set()
    for moment in in_force(revision, "lock_timeout"):
        locks, limit, setter = _blocking(moment.statement, revision), moment.milliseconds, moment.setter
        bound = _deadlock_timeout(moment, context)
        if not locks or setter is None or not limit or limit > (milliseconds(bound) or 0) or setter.statement.number in said:
            continue
        said.add(setter.statement.number)
        message = f"lock_timeout = {moment.value}{_at(setter)} is not longer than deadlock_timeout = {bound}"
        yield Verdict(
            rule="SC503",
            message=f"{message}: {_words(locks)} is never won against an autovacuum worker",
            statement=moment.statement,
            table=locks[0].relation,
        )


@rule(
    Rule(
        id="SC504",
        name="statement-timeout-unfit",
        title="statement_timeout does not fit the work",
        severity="warning",
        proof="proven",
        reason=(
            "Without statement_timeout a statement that turns out to work for hours under a blocking lock is stopped by "
            "nobody. With one that is too short a concurrent build, a validation or a backfill is broken off each time, and a "
            "concurrent build leaves an invalid index behind. The runner chooses the limit by the kind of statement, unless "
            "the revision sets it."
        ),
        source=(
            "PostgreSQL documentation, 20.11.1 Statement Behavior (statement_timeout); CREATE INDEX, Building Indexes "
            "Concurrently"
        ),
        remedy=(
            "leave statement_timeout to the runner, or set it by the kind of statement: seconds under a lock, hours for "
            "online work"
        ),
        example="op.execute(\"SET LOCAL statement_timeout = '1min'\")",
    )
)
def statement_timeout_unfit(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find long work under a limit of the revision's own that is too short, or under a blocking lock without any."""
    del context
    said: set[int] = set()
    for moment in in_force(revision, "statement_timeout"):
        statement, limit = moment.statement, moment.milliseconds
        work, setter = statement.long_work(), moment.setter.statement.number if moment.setter else 0
        online = _is_online(statement, revision)
        if limit is None or setter in said or not (work or online) or _is_concurrent(statement, revision):
            continue
        table = next(iter(work), "")
        blocking = [lock for lock in (*statement.held_locks, *statement.new_locks) if lock.mode.blocks_writers]
        if limit == 0 and blocking and not online:
            message = f"statement_timeout is 0 for {_kinds(work)} of {table} while {_words(blocking)} is held"
        elif setter and 0 < limit < _SHORT_MS:
            message = f"statement_timeout = {moment.value} may break off {'online work' if online else _kinds(work)}"
        else:
            continue
        said.add(setter)
        yield Verdict(rule="SC504", message=message, statement=statement, table=table)


def _blocking(statement: StatementFacts, revision: RevisionFacts) -> list[RelationLock]:
    found = [lock for lock in statement.new_locks if lock.mode.blocks_writers and lock.kind in _TABLES]
    return [lock for lock in found if existed(revision, lock.relation)]


def _words(locks: list[RelationLock]) -> str:
    strongest = max(locks, key=lambda lock: lock.mode)
    return f"{strongest.mode.words} on {strongest.relation}"


def _at(setter: Act) -> str:
    return f" (line {setter.statement.line})" if setter.statement.line else ""


def _deadlock_timeout(moment: InForce, context: Context) -> str:
    real = context.environment.settings.get("deadlock_timeout", "") if context.environment else ""
    return real or moment.statement.settings.get("deadlock_timeout", "") or _DEADLOCK_TIMEOUT


def _sets_lock_timeout(act: Act) -> bool:
    found = settings_of(act)
    return found is not None and found[0] == "lock_timeout" and bool(found[1])


def _is_online(statement: StatementFacts, revision: RevisionFacts) -> bool:
    validates = any(act.kind == "ValidateConstraint" for act in acts_of(revision, statement))
    return validates and all(lock.mode < LockMode.SHARE for lock in statement.new_locks)


def _is_concurrent(statement: StatementFacts, revision: RevisionFacts) -> bool:
    """Whether a statement builds or drops an index concurrently, whose limits have a rule of their own."""
    return any(getattr(act.node, "concurrent", False) for act in acts_of(revision, statement))


def _kinds(work: Mapping[str, tuple[str, ...]]) -> str:
    return ", ".join(dict.fromkeys(kind for kinds in work.values() for kind in kinds))
