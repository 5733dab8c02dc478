"""Whether the rows are whole: orphans, indexes and constraints that do not work, sequences behind their columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seachange.plan import Finding
from seachange.safety._foreign_keys import read_foreign_keys
from seachange.safety._look import NotCheckedError
from seachange.safety._orphans import find_orphans
from seachange.safety._planned import PlannedKey, parse_key, resolve
from seachange.safety._sequences import find_late_sequences
from seachange.safety._states import find_invalid_indexes, find_silent_keys, find_unvalidated

if TYPE_CHECKING:
    import psycopg

__all__ = ["PlannedKey", "check_integrity", "parse_key"]


def check_integrity(
    connection: psycopg.Connection,
    *,
    schemas: Sequence[str] = (),
    every: bool = False,
    planned: Sequence[PlannedKey] = (),
    sample: int = 5,
    timeout_ms: int = 60_000,
) -> tuple[Finding, ...]:
    """Look for rows that break what the schema promises, and for promises that PostgreSQL does not keep.

    Foreign keys are looked at when PostgreSQL does not vouch for them: not validated, not enforced, or with disabled
    triggers. Each check is a short transaction of its own; nothing is changed.

    :param connection: a session; an open transaction stays open.
    :param schemas: schemas to look at; all but the system's by default.
    :param every: look at all foreign keys; rows loaded under ``session_replication_role = replica`` leave no other trace.
    :param planned: foreign keys that do not exist yet; when there are any, they alone are looked at.
    :param sample: how many keys of orphans to show at most.
    :param timeout_ms: how long one check may take; longer makes a warning. 0 sets no limit.
    :raises ServerUnreachableError: the connection was lost.
    """
    if planned:
        keys = (_check_planned(connection, key, sample=sample, timeout_ms=timeout_ms) for key in planned)
        return tuple(finding for findings in keys for finding in findings)
    return tuple(_check_all(connection, schemas, every=every, sample=sample, timeout_ms=timeout_ms))


def _check_planned(connection: psycopg.Connection, key: PlannedKey, *, sample: int, timeout_ms: int) -> Iterator[Finding]:
    try:
        foreign_key, obstacles = resolve(connection, key, timeout_ms=timeout_ms)
    except NotCheckedError as exc:
        hint = "name the table with its schema, and put names with capitals in double quotes"
        yield Finding(code="planned-key-unknown", message=f"the planned foreign key {key.text}: {exc}", hint=hint)
        return
    yield from obstacles
    orphans = find_orphans(connection, foreign_key, sample=sample, timeout_ms=timeout_ms)
    if orphans:
        yield orphans


def _check_all(
    connection: psycopg.Connection, schemas: Sequence[str], *, every: bool, sample: int, timeout_ms: int
) -> Iterator[Finding]:
    def orphans() -> Iterator[Finding]:
        keys = read_foreign_keys(connection, schemas, timeout_ms=timeout_ms)
        yield from find_silent_keys(keys)
        suspects = (key for key in keys if every or not key.vouched_for)
        found = (find_orphans(connection, key, sample=sample, timeout_ms=timeout_ms) for key in suspects)
        yield from filter(None, found)

    yield from _guarded("foreign keys", orphans())
    yield from _guarded("constraints", find_unvalidated(connection, schemas, timeout_ms=timeout_ms))
    yield from _guarded("indexes", find_invalid_indexes(connection, schemas, timeout_ms=timeout_ms))
    yield from _guarded("sequences", find_late_sequences(connection, schemas, timeout_ms=timeout_ms))


def _guarded(what: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except NotCheckedError as exc:
        yield Finding(code="not-checked", message=f"the {what} were {exc}", severity="warning", hint="raise statement_timeout")
