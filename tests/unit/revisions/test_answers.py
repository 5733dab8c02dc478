"""Reading answers: every form, and what cannot be one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seachange.errors import ConfigError
from seachange.revisions.answers import Renaming, read_answers


def test_a_flag_names_the_old_and_the_new() -> None:
    (renaming,) = read_answers(renames=["app.clients.full_name = display_name"]).renames

    assert (renaming.old, renaming.new) == ("app.clients.full_name", "display_name")


@pytest.mark.parametrize("text", ["clients.full_name", "=x", "x=", ""])
def test_a_flag_without_both_sides_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_answers(renames=[text])


def test_a_file_answers_by_the_ids_of_questions_and_leaves_open_what_is_null(tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    questions = [{"id": "rename-table:a", "answer": "b"}, {"id": "rename-table:c", "answer": None}]
    file.write_text(json.dumps({"schema": "seachange.questions/1", "questions": questions}))

    assert read_answers(file=file).renames == (
        Renaming(where="answers.json: rename-table:a", old="", new="b", id="rename-table:a"),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("{", "is no JSON", id="broken"),
        pytest.param("[]", "is no document seachange.questions/1", id="another document"),
        pytest.param({"questions": ["x"]}, "has no id and answer", id="no question"),
        pytest.param({"questions": [{"id": "rename-table:a", "answer": 3}]}, "has no id and answer", id="a number"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    file = tmp_path / "answers.json"
    given = {"schema": "seachange.questions/1", **content} if isinstance(content, dict) else None
    file.write_text(json.dumps(given) if given else content)

    with pytest.raises(ConfigError, match=message):
        read_answers(file=file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_answers(file=tmp_path / "missing.json")
