"""Answers to the questions of a new revision: from flags, from a file, from a person."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from seachange.errors import ConfigError, RefusedError
from seachange.revisions.questions import SCHEMA, STOP

__all__ = ["Answers", "Filling", "Renaming", "read_answers"]

_FILLS = ("fill", "default")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Renaming:
    """What became of ``old``, a column or table; ``where`` it was said. ``id`` is the question's when a question was answered."""

    where: str
    old: str
    new: str
    id: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Filling:
    """Which value rows get that have none: computed for each row, or by a default while the column is added."""

    where: str
    column: str
    by: Literal["fill", "default"]
    expression: str
    id: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answers:
    """All answers that were given."""

    renames: tuple[Renaming, ...] = ()
    fills: tuple[Filling, ...] = ()


def read_answers(
    *,
    renames: Iterable[str] = (),
    fills: Iterable[str] = (),
    defaults: Iterable[str] = (),
    file: Path | None = None,
    asked: Mapping[str, str] | None = None,
) -> Answers:
    """Return the answers of one command.

    :param renames: ``table.old=new`` or ``old_table=new_table``.
    :param fills: ``table.column=SQL expression``.
    :param defaults: the same, for a default that is there while the column is added.
    :param file: a document of questions with the answers filled in.
    :param asked: what a person answered, by question.
    :raises ConfigError: one of them cannot be read.
    :raises RefusedError: an answer says that nothing shall be written.
    """
    given = [Renaming(where=f"--rename {text}", **_split(text, "--rename")) for text in renames]
    filled = [_filling(text, by="fill") for text in fills] + [_filling(text, by="default") for text in defaults]
    for where, id_, answer in (*_from_file(file), *(("your answer", id_, answer) for id_, answer in (asked or {}).items())):
        if id_.startswith("rename-"):
            given.append(Renaming(where=f"{where}: {id_}", old="", new=answer, id=id_))
        else:
            filled.append(_filled(where, id_, answer))
    return Answers(renames=tuple(given), fills=tuple(filled))


def _split(text: str, flag: str) -> dict[str, str]:
    old, equals, new = (part.strip() for part in text.partition("="))
    if not (old and equals and new):
        raise ConfigError(f"{flag} {text!r} cannot be read", hint=f"write {flag} table.old=new or {flag} old_table=new_table")
    return {"old": old, "new": new}


def _filling(text: str, *, by: Literal["fill", "default"]) -> Filling:
    column, equals, expression = (part.strip() for part in text.partition("="))
    if not (column and equals and expression and "." in column):
        raise ConfigError(f"--{by} {text!r} cannot be read", hint=f'write --{by} "table.column=SQL expression"')
    return Filling(where=f"--{by} {text}", column=column, by=by, expression=expression)


def _filled(where: str, id_: str, answer: str) -> Filling:
    word, colon, expression = (part.strip() for part in answer.partition(":"))
    if answer == STOP:
        raise RefusedError(
            f"{where}: {id_} says stop, and nothing was written",
            hint="make the column nullable in the models, or give it a server_default there, and generate again",
        )
    if word not in _FILLS or not colon or not expression:
        raise ConfigError(
            f"{where}: {id_} is answered by {answer!r}", hint='answer "fill: EXPRESSION", "default: EXPRESSION" or "stop"'
        )
    by: Literal["fill", "default"] = "fill" if word == "fill" else "default"
    return Filling(where=f"{where}: {id_}", column="", by=by, expression=expression, id=id_)


def _from_file(file: Path | None) -> list[tuple[str, str, str]]:
    if file is None:
        return []
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"--answers {file} cannot be read: {exc.strerror}", hint="name a file that exists") from exc
    except ValueError as exc:
        raise ConfigError(f"--answers {file} is no JSON: {exc}", hint="pass what --format json printed, completed") from exc
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or not isinstance(found.get("questions"), list):
        raise ConfigError(f"--answers {file} is no document {SCHEMA}", hint="pass what --format json printed, completed")
    return [(file.name, *_answer(question, file)) for question in found["questions"] if _answered(question)]


def _answered(question: Any) -> bool:
    return not isinstance(question, dict) or question.get("answer") is not None


def _answer(question: Any, file: Path) -> tuple[str, str]:
    id_, answer = (question.get(key) for key in ("id", "answer")) if isinstance(question, dict) else (None, None)
    if not isinstance(id_, str) or not isinstance(answer, str):
        raise ConfigError(
            f"--answers {file}: {json.dumps(question)[:200]} has no id and answer that are texts", hint="answer by a text"
        )
    return id_, answer
