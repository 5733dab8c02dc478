"""What statements will do to a database, read from their text: the same facts that a trace proves, without a server."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from seachange.plan import Statement
from seachange.postgres.catalog import Catalog
from seachange.safety._predict._effect import Effect
from seachange.safety._predict._known import Known
from seachange.safety._predict._session import Session
from seachange.safety._predict._statements import OPAQUE, expect
from seachange.safety.facts import RevisionFacts, StatementFacts
from seachange.safety.parsing import enum_name, kind, parse

__all__ = ["NEWEST", "Predictor", "is_opaque", "predict", "read_statements"]

# The version whose grammar the text is read by.
NEWEST = 18

_BEGINS = ("TRANS_STMT_BEGIN", "TRANS_STMT_START")
_ENDS = ("TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK", "TRANS_STMT_PREPARE")


def predict(
    statements: Iterable[Statement],
    *,
    major: int,
    before: Catalog | None = None,
    schema: str = "public",
) -> RevisionFacts:
    """Return what the statements of one revision are expected to do.

    A count of rows is 0 where only the data decide it, an index has no name where only the server chooses it.

    :param statements: in order.
    :param major: the version of the server.
    :param before: the catalogue before them; without one the text has to do, and what it leaves open is assumed to take long.
    :param schema: the schema of names that have none.
    """
    found = Predictor(major=major, before=before, schema=schema).revision(statements)
    return dataclasses.replace(found, before=before)


def read_statements(text: str, *, file: str) -> tuple[Statement, ...]:
    """Return the statements of a plain file, each in the transaction that psql would run it in.

    :param text: what is in the file.
    :param file: its name.
    :raises StatementFailedError: it holds what is no SQL.
    """
    from seachange.safety._tracing._script import read_script

    found: list[Statement] = []
    begun, inside = 0, False
    for each in read_script(text, file=file):
        verb = next((enum_name(node, "kind") for node in parse(each.sql) if kind(node) == "TransactionStmt"), "")
        if verb in _BEGINS and not inside:
            begun, inside = begun + 1, True
        found.append(Statement(sql=each.sql, file=file, line=each.line, transaction=begun if inside else 0))
        inside = inside and verb not in _ENDS
    return tuple(found)


def is_opaque(sql: str) -> bool:
    """Whether the text does not tell what it does: a DO block, a CALL, or what cannot be parsed."""
    found = parse(sql)
    return any(kind(each) in OPAQUE for each in found) if found else bool(sql.strip(" \t\r\n;"))


class Predictor:
    """Predict one revision after the other; what the earlier ones made is known to the later ones.

    :param major: the version of the server.
    :param before: the catalogue before the first, None when no server was asked.
    :param schema: the schema of names that have none.
    """

    def __init__(self, *, major: int, before: Catalog | None = None, schema: str = "public") -> None:
        self._major = major
        self._schema = schema
        self._known = Known(before, schema=schema)

    def revision(self, statements: Iterable[Statement], *, revision: str = "", title: str = "", file: str = "") -> RevisionFacts:
        """Return what a revision is expected to do.

        :param statements: in order.
        :param revision: its id.
        :param title: the first line of its docstring.
        :param file: its file.
        """
        self._known.created.clear()
        session = Session()
        found = tuple(self._statement(each, session, number=number) for number, each in enumerate(statements, start=1))
        return RevisionFacts(revision=revision, title=title, file=file, statements=found, major=self._major)

    def _statement(self, statement: Statement, session: Session, *, number: int) -> StatementFacts:
        session.enter(statement.transaction)
        settings, held = dict(session.settings), session.held
        self._known.schema = _schema_of(settings.get("search_path", ""), default=self._schema)
        effect = Effect(self._known, major=self._major, timezone=settings.get("TimeZone"))
        for node in parse(statement.sql):
            session.read(node)
            expect(effect, node, transaction=statement.transaction)
        if effect.error is not None:
            # What is refused does nothing.
            refusal, effect = effect.error, Effect(self._known, major=self._major)
            effect.error = refusal
        return StatementFacts(
            sql=statement.sql,
            number=number,
            file=statement.file,
            line=statement.line,
            transaction=statement.transaction,
            count=statement.count,
            new_locks=session.take(effect.new_locks),
            held_locks=held,
            rewrites=tuple(effect.rewrites),
            index_builds=tuple(effect.builds),
            scans=effect.scans,
            verified=tuple(effect.verified),
            proofs=tuple(effect.proofs),
            changes={name: rows * statement.count for name, rows in effect.changes.items()},
            created=tuple(effect.created),
            dropped=tuple(effect.dropped),
            settings=settings,
            error=effect.error,
            provenance="inferred",
        )


def _schema_of(search_path: str, *, default: str) -> str:
    """Return the first schema of a search path that is a name, not one's own or a temporary one."""
    names = (each.strip().strip('"') for each in search_path.split(","))
    return next((each for each in names if each and each not in ("$user", "pg_catalog", "pg_temp")), default)
