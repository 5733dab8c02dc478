"""Text as Markdown."""

from __future__ import annotations

import pytest

from seachange.sync.targets.erd._markdown import code, prose, table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a b", "`a b`", id="plain"),
        pytest.param("", "", id="empty"),
        pytest.param("a\n b", "`a b`", id="lines become spaces"),
        pytest.param("a`b", "``a`b``", id="a backquote inside"),
        pytest.param("`a``b`", "``` `a``b` ```", id="backquotes at the ends"),
    ],
)
def test_code_is_code(text: str, expected: str) -> None:
    assert code(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Who pays.", "Who pays.", id="plain"),
        pytest.param("a\n\nb", "a<br>b", id="lines"),
        pytest.param("<b> & `c` *d* [e](f) # \\", "&lt;b> &amp; \\`c\\` \\*d\\* \\[e\\](f) \\# \\\\", id="markup"),
        pytest.param("- a\n1. b\n> c", "\\- a<br>1\\. b<br>\\> c", id="lists and quotes"),
        pytest.param("snake_case _it_", "snake_case \\_it\\_", id="underscores only at the edges of words"),
    ],
)
def test_prose_is_no_markup(text: str, expected: str) -> None:
    assert prose(text) == expected


def test_a_table_has_no_empty_columns_and_no_bars_in_its_cells() -> None:
    lines = list(table(("A", "B", "C"), [("`a|b`", "", "1"), ("x\\|y", "", "")]))

    assert lines == ["| A | C |", "| --- | --- |", "| `a\\|b` | 1 |", "| x\\ \\|y |  |"]
