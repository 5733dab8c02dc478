"""Revisions of which part is committed: what that is, and taking it back statement by statement."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

from seachange.errors import RefusedError, StatementFailedError
from seachange.revisions._inverse import Inverse, inverse_of
from seachange.revisions._statement_table import Recorded, delete_text, read_recorded
from seachange.revisions.ledger import name_of

if TYPE_CHECKING:
    from seachange.postgres.connection import Session
    from seachange.revisions.units import Unit

__all__ = ["Half", "read_halves", "take_back"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Half:
    """A revision of which statements are committed, in the order in which they were, while it is not done itself."""

    unit: Unit
    revision: str
    direction: Literal["upgrade", "downgrade"]
    statements: tuple[Recorded, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What taking it back would run or why that cannot be, newest statement first."""
        return tuple(_sentence(one, inverse_of(one.sql)) for one in reversed(self.statements))


def read_halves(units: Iterable[Unit]) -> tuple[Half, ...]:
    """Return the revisions of which part is committed.

    :param units: where env.py runs migrations.
    :raises StatementFailedError: the record cannot be read.
    """
    import psycopg

    from seachange.postgres.connection import connect

    found: list[Half] = []
    for unit in units:
        try:
            with contextlib.closing(connect(unit.database, autocommit=True)) as session:
                rows = read_recorded(session, name_of(unit.table))
        except psycopg.Error as exc:
            raise StatementFailedError(f"what revisions have committed cannot be read: {exc}") from exc
        for name, direction in dict.fromkeys((one.revision, one.direction) for one in rows):
            own = tuple(one for one in rows if (one.revision, one.direction) == (name, direction))
            found.append(Half(unit=unit, revision=name, direction=direction, statements=own))
    return tuple(found)


def take_back(half: Half, *, say: Callable[[str], None]) -> tuple[str, ...]:
    """Take back what a revision has committed, newest statement first; all of it or, as far as that can be told before, nothing.

    :param half: what is taken back; the caller holds the migration lock.
    :param say: told each statement before it runs.
    :returns: what was run.
    :raises RefusedError: a statement cannot be taken back; nothing was.
    :raises StatementFailedError: one fails; what was taken back before it is no longer recorded.
    """
    import psycopg

    from seachange.postgres.connection import connect

    done: list[str] = []
    with contextlib.closing(connect(half.unit.database, autocommit=True, statement_timeout_ms=0)) as session:
        inverses = [(one, inverse_of(one.sql)) for one in reversed(half.statements)]
        _require_possible(session, half, inverses)
        for recorded, inverse in inverses:
            try:
                if inverse.sql:
                    say(inverse.sql)
                    session.execute(inverse.sql.encode())
                    done.append(inverse.sql)
                session.execute(delete_text(name_of(half.unit.table), recorded=recorded).encode())
            except psycopg.Error as exc:
                said = exc.diag.message_primary or str(exc)
                raise StatementFailedError(f"{inverse.sql or recorded.sql} failed: {said}", hint="run the command again") from exc
    return tuple(done)


def _require_possible(session: Session, half: Half, inverses: Iterable[tuple[Recorded, Inverse]]) -> None:
    for recorded, inverse in inverses:
        why = inverse.impossible or (inverse.otherwise if inverse.only_if and not _holds(session, inverse.only_if) else "")
        if why:
            text = " ".join(recorded.sql.split())[:100]
            raise RefusedError(
                f"statement {recorded.number} of {half.revision} cannot be taken back, {text}: {why}",
                hint="`invoke migration.apply` goes on after what is committed",
            )


def _holds(session: Session, question: str) -> Any:
    import psycopg

    try:
        row = session.execute(question.encode()).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return False
    return bool(row and row[0])


def _sentence(recorded: Recorded, inverse: Inverse) -> str:
    text = " ".join(recorded.sql.split())[:100]
    if inverse.impossible:
        return f"cannot be taken back: {text} ({inverse.impossible})"
    condition = f", unless {inverse.otherwise}" if inverse.otherwise else ""
    return f"{inverse.sql}{condition}" if inverse.sql else f"nothing to take back: {text}"
