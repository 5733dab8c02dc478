"""What revisions and plain files of SQL will do, told without any server: for editors and for hooks before a commit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.plan import Finding, Statement
from seachange.safety.facts import RevisionFacts

if TYPE_CHECKING:
    from seachange.revisions.captures import OfflineCapture
    from seachange.revisions.history import History, Revision

__all__ = ["UNTOLD", "Prediction", "predict_revisions", "predict_sql"]

# The rule whose findings say where the text ends being enough.
UNTOLD = "SC003"

# So many revisions before those that are asked for are read as well: what they make decides what changing it takes.
_BACKGROUND = 60
_SHOWN = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the text tells of revisions, and ``findings`` where it tells nothing."""

    revisions: tuple[RevisionFacts, ...] = ()
    findings: tuple[Finding, ...] = ()


def predict_revisions(settings: Settings, history: History, revisions: Iterable[Revision], *, major: int = 0) -> Prediction:
    """Return what revisions will do, as far as their text tells.

    Their ``upgrade`` is run without a database, and so are the revisions before them, so that their tables are known.

    :param settings: the project's settings.
    :param history: all revisions.
    :param revisions: those that are asked for, in order.
    :param major: the version of the server; that of the settings by default, else the newest.
    """
    from seachange.revisions.captures import read_captures
    from seachange.safety.predict import Predictor

    wanted = {each.revision: each for each in revisions}
    below = [each for each in history.ancestors(wanted) if each.revision not in wanted]
    captured = read_captures(settings, history, [*below[-_BACKGROUND:], *wanted.values()])
    predictor = Predictor(major=_major(settings, major), schema=_schema(settings))
    facts: list[RevisionFacts] = []
    for name, capture in captured.items():
        one = history.by_id[name]
        found = predictor.revision(capture.statements, revision=name, title=one.title, file=history.relative(one.path))
        facts += [found] if name in wanted else []
    findings = [each for name in wanted for each in _untold(history.relative(wanted[name].path), captured[name])]
    return Prediction(revisions=tuple(facts), findings=tuple(findings))


def predict_sql(settings: Settings, text: str, *, file: str, major: int = 0) -> Prediction:
    """Return what a plain file of SQL will do, run as by psql: outside of BEGIN and COMMIT each statement by itself.

    :param settings: the project's settings.
    :param text: what is in the file.
    :param file: its name.
    :param major: as for :func:`predict_revisions`.
    :raises StatementFailedError: it holds what is no SQL.
    """
    from seachange.safety.predict import Predictor, read_statements

    statements = read_statements(text, file=file)
    predictor = Predictor(major=_major(settings, major), schema=_schema(settings))
    found = predictor.revision(statements, revision=Path(file).stem, file=file)
    return Prediction(revisions=(found,), findings=tuple(_opaque(statements)))


def _major(settings: Settings, given: int) -> int:
    from seachange.safety.predict import NEWEST

    return given or settings.postgres_major or NEWEST


def _schema(settings: Settings) -> str:
    plain = [each for each in settings.schemas if "*" not in each and each != "public"]
    return plain[0] if plain and "public" not in settings.schemas else "public"


def _untold(file: str, capture: OfflineCapture) -> Iterator[Finding]:
    yield from _opaque(capture.statements)
    if capture.unknown is not None:
        where = f"from line {capture.unknown.line} on" if capture.unknown.line else "anything"
        message = f"what this revision does {where} cannot be told without a server: {capture.unknown.reason}"
        yield _finding(message, file=file, line=capture.unknown.line)


def _opaque(statements: Iterable[Statement]) -> Iterator[Finding]:
    """Yield a finding for each line that sends what no text explains, however often it sends it."""
    from seachange.safety.predict import is_opaque

    seen: set[tuple[str, int]] = set()
    for statement in statements:
        place = (statement.file, statement.line)
        if place not in seen and is_opaque(statement.sql):
            seen.add(place)
            words = " ".join(statement.sql.split())
            shown = words if len(words) <= _SHOWN else f"{words[: _SHOWN - 3]}..."
            message = f"what this statement does cannot be told without a server: {shown}"
            yield _finding(message, file=statement.file, line=statement.line)


def _finding(message: str, *, file: str, line: int) -> Finding:
    from seachange.safety.rules import load_rules

    known = load_rules()[UNTOLD]
    return Finding(
        code=known.id, message=message, severity=known.severity, hint=known.remedy, file=file, line=line, provenance="inferred"
    )
