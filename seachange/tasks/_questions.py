"""Ask the questions of a step on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from seachange.errors import QuestionsOpenError

if TYPE_CHECKING:
    from seachange.revisions.questions import Choice, Question

__all__ = ["ask", "can_ask"]


def can_ask() -> bool:
    """Whether a person sits at the terminal."""
    return sys.stdin.isatty()


def ask(open_: QuestionsOpenError, *, to: TextIO) -> Mapping[str, str]:
    """Return the answers of the person at the terminal, by question.

    :param open_: carries the questions.
    :param to: where they are shown.
    :raises QuestionsOpenError: the input ended before all were answered.
    """
    from seachange.revisions.questions import NEW, Question

    answers: dict[str, str] = {}
    taken: set[str] = set()
    for given in open_.questions:
        if not isinstance(given, Question):
            continue
        question = given.without(taken) if given.candidates else given
        if given.candidates and not question.candidates:
            answers[question.id] = NEW
            continue
        answers[question.id] = _answer(question, open_, to=to)
        taken.add(answers[question.id])
        taken.discard(NEW)
    return answers


def _answer(question: Question, open_: QuestionsOpenError, *, to: TextIO) -> str:
    print(f"\n{question.text}", file=to)
    for number, choice in enumerate(question.choices, start=1):
        print(f"  {number}  {choice.text}", file=to)
    while True:
        typed = _line(f"answer [1-{len(question.choices)}]: ", open_, to=to)
        if typed.isdecimal() and 1 <= int(typed) <= len(question.choices):
            return _completed(question.choices[int(typed) - 1], open_, to=to)
        print(f"type a number from 1 to {len(question.choices)}", file=to)


def _completed(choice: Choice, open_: QuestionsOpenError, *, to: TextIO) -> str:
    if not choice.expects:
        return choice.answer
    while not (typed := _line(f"{choice.expects}: ", open_, to=to)):
        print(f"type {choice.expects}", file=to)
    return f"{choice.answer}{typed}"


def _line(prompt: str, open_: QuestionsOpenError, *, to: TextIO) -> str:
    print(prompt, end="", file=to, flush=True)
    typed = sys.stdin.readline()
    if not typed:
        print(file=to)
        raise open_
    return typed.strip()
