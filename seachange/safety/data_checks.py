"""Data checks: whether operations of pending revisions fail on the rows of the real database, or lose some of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seachange.plan import Finding
from seachange.safety._data.answers import answers_of
from seachange.safety._data.casts import type_answers
from seachange.safety._data.deriving import checks_of
from seachange.safety._data.existing import domain_rows, existing_probe, label_rows, orphans_of_existing
from seachange.safety._data.picture import Picture
from seachange.safety._data.reading import Reader
from seachange.safety._data.told import Answer, finding_of, not_checked, not_yet
from seachange.safety._data.values import Constraint, DataCheck, DomainRows, Labels, TypeChange
from seachange.safety._look import NotCheckedError
from seachange.safety.facts import RevisionFacts

if TYPE_CHECKING:
    import psycopg

__all__ = ["DataCheck", "derive", "run_checks"]


def derive(facts: RevisionFacts, *, earlier: Iterable[RevisionFacts] = ()) -> tuple[DataCheck, ...]:
    """Return what has to be asked of the rows before a revision runs.

    :param facts: the revision: its statements, and the schema before it where somebody has asked for that.
    :param earlier: the revisions that run before it and are not in the database yet, in order.
    """
    picture = Picture()
    for each in earlier:
        checks_of(picture, each)
    return checks_of(picture, facts)


def run_checks(
    connection: psycopg.Connection, checks: Iterable[DataCheck], *, timeout_ms: int = 60_000, sample: int = 5
) -> tuple[Finding, ...]:
    """Ask the rows of the real database; nothing is changed, and of rows nothing but keys is said.

    Each question is a short transaction of its own that can write nothing.

    :param connection: a session; an open transaction stays open.
    :param checks: what to ask.
    :param timeout_ms: how long one question may take; longer makes a warning. 0 sets no limit.
    :param sample: how many keys to show at most.
    :returns: an error for what fails, a warning for what is lost or could not be looked at, else infos.
    :raises ServerUnreachableError: the connection was lost.
    """
    reader = Reader(connection, timeout_ms=timeout_ms, sample=sample)
    return tuple(finding for check in checks for finding in _findings(reader, check))


def _findings(reader: Reader, check: DataCheck) -> Iterator[Finding]:
    if not check.source.table and check.source.alias:
        yield not_yet(check)
        return
    try:
        for answer in _answers(reader, check):
            yield finding_of(_doubtful(reader, check), answer)
    except NotCheckedError as exc:
        yield not_checked(check, exc)


def _doubtful(reader: Reader, check: DataCheck) -> DataCheck:
    """Return the check, with a reason for doubt where triggers may write something else than an earlier statement says."""
    if check.reason or not any(layer.written for layer in check.source.layers):
        return check
    triggers = reader.shape(check.source.table).triggers
    return dataclasses.replace(check, reason=f"triggers of {check.source.table} write as well") if triggers else check


def _answers(reader: Reader, check: DataCheck) -> Iterator[Answer]:
    probe = check.probe
    if isinstance(probe, DomainRows) or (isinstance(probe, Constraint) and probe.domain):
        yield from domain_rows(reader, probe)
    elif isinstance(probe, Labels):
        yield from label_rows(reader, probe)
    elif isinstance(probe, TypeChange):
        yield from type_answers(reader, check.source, probe)
    elif isinstance(probe, Constraint):
        meant = existing_probe(reader, check.source, probe)
        yield from orphans_of_existing(reader, check.source, probe) if meant is None else answers_of(reader, check, meant)
    else:
        yield from answers_of(reader, check, probe)
