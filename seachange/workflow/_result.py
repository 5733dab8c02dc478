"""What an error means for the step that it ended."""

from __future__ import annotations

from seachange.errors import MigrationFailedError, QuestionsOpenError, SeachangeError
from seachange.plan import StepResult

__all__ = ["result_of"]


def result_of(exc: SeachangeError) -> StepResult:
    """Return the result of a step that an error ended."""
    facts: tuple[str, ...] = ()
    data: dict[str, object] = {}
    if isinstance(exc, MigrationFailedError):
        data = {"applied": exc.applied, "failed": exc.failed, "not_tried": exc.not_tried}
        lists = (("applied before it", exc.applied), ("not tried", exc.not_tried))
        facts = tuple(f"{word}: {', '.join(names)}" for word, names in lists if names)
    if isinstance(exc, QuestionsOpenError):
        data, facts = {"questions": exc.questions}, exc.facts
    return StepResult(status="failed", summary=exc.message, facts=facts, hint=exc.hint, exit_code=int(exc.exit_code), data=data)
