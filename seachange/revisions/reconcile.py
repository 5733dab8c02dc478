"""Where the ledger of a database, its version table and the files disagree, and the rows that make them agree again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from seachange.errors import StatementFailedError
from seachange.plan import Finding
from seachange.revisions.history import History, Revision
from seachange.revisions.ledger import Part, file_hash, name_of
from seachange.revisions.runs import unreadable

if TYPE_CHECKING:
    import psycopg

    from seachange.revisions._versions import VersionTable

__all__ = ["KINDS", "Kind", "Mismatch", "Recorded", "findings_of", "mismatches", "read_recorded", "reconcile"]

Kind = Literal["applied-elsewhere", "reverted-elsewhere", "changed-after-apply", "deleted-after-apply"]

KINDS: Mapping[Kind, str] = {
    "applied-elsewhere": "applied, but not by Seachange",
    "reverted-elsewhere": "recorded as applied, but the version table is not at it",
    "changed-after-apply": "applied, and its file was changed after that",
    "deleted-after-apply": "recorded as applied, but its file is gone",
}
_HINTS: Mapping[Kind, str] = {
    "applied-elsewhere": "plain alembic moved the database; `invoke migration.repair` notes it in the history",
    "reverted-elsewhere": "plain alembic moved the database back; `invoke migration.repair` notes it in the history",
    "changed-after-apply": "other databases get what the file says now: put it back and write a new revision, "
    "or accept it by `invoke migration.repair`",
    "deleted-after-apply": "bring the file back, or let `invoke migration.repair` forget the revision when it was squashed",
}
_WRITTEN: Mapping[Kind, tuple[Literal["upgrade", "downgrade"], str]] = {
    "applied-elsewhere": ("upgrade", "adopted"),
    "reverted-elsewhere": ("downgrade", "adopted"),
    "changed-after-apply": ("upgrade", "accepted"),
    "deleted-after-apply": ("downgrade", "forgotten"),
}

# A list that is longer says how many there are instead of burying everything else.
_MOST_NAMES = 5

_STATES = """
select distinct on (revision) revision, direction, outcome, content_hash, file_hash, run_id, actor
from seachange.history
where version_table = %s and outcome in ('applied', 'reverted', 'adopted', 'accepted', 'forgotten', 'stamped')
order by revision, id desc
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the ledger says last of a revision."""

    revision: str
    direction: str
    outcome: str
    content_hash: str | None
    file_hash: str | None
    run_id: str
    actor: str

    @property
    def applied(self) -> bool:
        """Whether the revision is applied by this."""
        return self.direction == "upgrade"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One revision about which ledger, version table and files disagree; ``unit`` tells several version tables apart."""

    kind: Kind
    revision: str
    title: str = ""
    file: str = ""
    unit: str = ""

    @property
    def sentence(self) -> str:
        """The mismatch in words."""
        place = f" in {self.unit}" if self.unit else ""
        return f"{self.revision}{f' {self.title}' if self.title else ''}{place}: {KINDS[self.kind]}"


def read_recorded(connection: psycopg.Connection[Any], table: VersionTable) -> Mapping[str, Recorded]:
    """Return what the ledger says of every revision; nothing when the database has no ledger.

    :param connection: an open connection.
    :param table: Alembic's version table.
    :raises StatementFailedError: the ledger cannot be read.
    """
    import psycopg

    from seachange.revisions._ledger_table import read_version

    try:
        if not read_version(connection):
            return {}
        rows = connection.execute(_STATES, [name_of(table)]).fetchall()
    except psycopg.Error as exc:
        raise unreadable(exc) from exc
    names = [field.name for field in dataclasses.fields(Recorded)]
    return {str(row[0]): Recorded(**dict(zip(names, row, strict=True))) for row in rows}


def mismatches(
    history: History, *, current: Iterable[str], recorded: Mapping[str, Recorded], baseline: bool = False
) -> tuple[Mismatch, ...]:
    """Return where the ledger says something else than the version table and the files.

    A file that only imports something else than before is no mismatch: what a revision imports changes with the project.

    :param history: the revisions in the files.
    :param current: the revisions in the version table.
    :param recorded: what the ledger says.
    :param baseline: whether a ledger that says nothing at all is a mismatch; it has simply not begun otherwise.
    """
    if not recorded and not baseline:
        return ()
    at = {revision.revision: revision for revision in history.ancestors(current)}
    present = {name: row for name, row in recorded.items() if row.applied}
    elsewhere = [revision for name, revision in at.items() if name not in present]
    changed = [revision for name, revision in at.items() if name in present and _is_changed(revision, present[name])]
    gone = [revision for revision in history.revisions if revision.revision in present and revision.revision not in at]
    return (
        *(_of("applied-elsewhere", revision, history) for revision in elsewhere),
        *(_of("reverted-elsewhere", revision, history) for revision in reversed(gone)),
        *(_of("changed-after-apply", revision, history) for revision in changed),
        *(Mismatch(kind="deleted-after-apply", revision=name) for name in present if name not in history.by_id),
    )


def findings_of(found: Iterable[Mismatch]) -> tuple[Finding, ...]:
    """Return mismatches as warnings, one for each kind, or for each file as long as there are few."""
    groups: dict[tuple[Kind, str], list[Mismatch]] = {}
    for one in found:
        groups.setdefault((one.kind, one.unit), []).append(one)
    return tuple(finding for key, group in groups.items() for finding in _findings(*key, found=group))


def reconcile(
    connection: psycopg.Connection[Any], ledger: Part, found: Iterable[Mismatch], *, outcome: str | None = None
) -> None:
    """Write the rows that end ``found`` into the ledger, which is made if it is not there.

    :param connection: a connection in a transaction, or one whose every statement is a transaction.
    :param ledger: what writes, with the run that does it.
    :param found: the mismatches to end.
    :param outcome: the word for it; that of the kind of mismatch by default.
    :raises StatementFailedError: the ledger cannot be written.
    """
    import psycopg

    from seachange.revisions import _ledger_table as table

    try:
        table.make(connection)
        for one in found:
            direction, word = _WRITTEN[one.kind]
            revision = ledger.history.by_id.get(one.revision, one.revision)
            table.insert(connection, ledger.row(revision, direction=direction, outcome=outcome or word))
    except psycopg.Error as exc:
        reason = exc.diag.message_primary or " ".join(str(exc).split())
        raise StatementFailedError(
            f"table seachange.history cannot be written: {reason}",
            hint="docs/history.md has the SQL with which an administrator makes it",
        ) from exc


def _is_changed(revision: Revision, row: Recorded) -> bool:
    if row.content_hash == revision.content_hash:
        return False
    return row.file_hash is None or row.file_hash != file_hash(revision.path)


def _of(kind: Kind, revision: Revision, history: History) -> Mismatch:
    return Mismatch(kind=kind, revision=revision.revision, title=revision.title, file=history.relative(revision.path))


def _findings(kind: Kind, unit: str, *, found: list[Mismatch]) -> Iterator[Finding]:
    if kind == "changed-after-apply" and len(found) <= _MOST_NAMES:
        for one in found:
            yield Finding(code=kind, severity="warning", message=one.sentence, hint=_HINTS[kind], file=one.file)
    elif found:
        names = ", ".join(one.revision for one in found[:_MOST_NAMES])
        more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
        place = f" in {unit}" if unit else ""
        yield Finding(code=kind, severity="warning", message=f"{names}{more}{place}: {KINDS[kind]}", hint=_HINTS[kind])
