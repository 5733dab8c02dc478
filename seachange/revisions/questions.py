"""What only a person knows about a change, asked as values: renamed or new, and which value old rows get."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from seachange.errors import QuestionsOpenError
from seachange.plan import jsonable

__all__ = ["NEW", "SCHEMA", "STOP", "Choice", "Question", "document", "open_questions_error"]

SCHEMA = "seachange.questions/1"

# The answers that name nothing: it is no rename, and nothing shall be written.
NEW = "new"
STOP = "stop"

_HOW = (
    "put one of the choices into each answer and pass the file by --answers FILE, or pass the flags; "
    "a choice with `expects` is completed by that"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """One answer that a question takes.

    :param answer: what stands in a file of answers; ``expects`` names what is written after it.
    :param flag: the same on the command line.
    """

    answer: str
    text: str
    flag: str = ""
    expects: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """One question.

    ``old`` is the column or table that it is about, ``candidates`` what a rename may lead to.
    """

    id: str
    kind: Literal["rename-column", "rename-table", "fill-column", "fill-nulls"]
    table: str
    old: str
    text: str
    choices: tuple[Choice, ...]
    candidates: tuple[str, ...] = ()

    def without(self, taken: Iterable[str]) -> Question:
        """Return the question without candidates that an earlier answer took."""
        gone = set(taken)
        return dataclasses.replace(
            self,
            candidates=tuple(name for name in self.candidates if name not in gone),
            choices=tuple(choice for choice in self.choices if choice.answer not in gone),
        )


def document(questions: Iterable[Question], *, task: str) -> Mapping[str, Any]:
    """Return questions as the document that a program or a person completes.

    :param questions: the open ones.
    :param task: the command that asked.
    """
    asked = [{**jsonable(question), "answer": None} for question in questions]
    return {"schema": SCHEMA, "task": task, "how": _HOW, "questions": asked}


def open_questions_error(questions: tuple[Question, ...]) -> QuestionsOpenError:
    """Return the error that carries questions to whoever can ask."""
    count = f"{len(questions)} question{'' if len(questions) == 1 else 's'}"
    facts = [line for question in questions for line in _lines(question)]
    return QuestionsOpenError(
        f"{count} about this change {'is' if len(questions) == 1 else 'are'} open, and nothing was written",
        hint="answer by the flags above, or by --answers FILE with what --format json prints; on a terminal they are asked",
        questions=questions,
        facts=tuple(facts),
    )


def _lines(question: Question) -> list[str]:
    return [question.text, *(f"  {choice.flag or choice.answer}: {choice.text}" for choice in question.choices)]
