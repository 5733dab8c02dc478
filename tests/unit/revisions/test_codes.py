"""The codes of findings: each that can be found is explained, and nothing else is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seachange.revisions.codes import CODES
from tests.project import REPOSITORY

_MAKERS = {"Fault", "Finding", "HeaderError", "finding", "add", "_missing"}


def _codes() -> Iterator[str]:
    for path in sorted((REPOSITORY / "seachange" / "revisions").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in _MAKERS:
                given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                places = given or node.args[:2]
                yield from (
                    place.value
                    for place in places
                    if isinstance(place, ast.Constant) and isinstance(place.value, str) and " " not in place.value
                )


def test_every_code_that_is_found_is_explained_and_no_other() -> None:
    validation = {code for code in _codes() if code in CODES or "-" in code}

    assert sorted(validation - CODES.keys()) == []
    assert sorted(CODES.keys() - validation) == []


def test_explanations_are_sentences() -> None:
    texts = [text for code in CODES.values() for text in (code.why, code.remedy)]

    assert [text for text in texts if not text.endswith(".") or text.endswith("..")] == []
