"""Comments that allow what a rule finds."""

from __future__ import annotations

import datetime

import pytest

from seachange.plan import Finding
from seachange.safety.suppression import Suppression, apply, read_suppressions

_TODAY = datetime.date(2026, 5, 1)
_HEAD = (
    '"""Add a column.\n\n-- seachange: allow SC101 reason="an example of the documentation"\n"""\n\nfrom alembic import op\n\n'
)


def _read(text: str, *, file: str = "versions/1.py") -> tuple[Suppression, ...]:
    return read_suppressions(file, text)


def _finding(line: int = 4, *, code: str = "SC101", file: str = "versions/1.py") -> Finding:
    return Finding(code=code, message="it rewrites", file=file, line=line)


def _apply(text: str, *findings: Finding, file: str = "versions/1.py") -> tuple[list[int], list[int], list[tuple[str, str]]]:
    kept, suppressed, remarks = apply(findings, _read(text, file=file), today=_TODAY, known={"SC101", "SC104", "SC204"})
    return (
        [each.line for each in kept],
        [each.line for each, _ in suppressed],
        [(each.severity, each.message) for each in remarks],
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param('x = 1\nop.f()  # seachange: allow SC101 reason="small"\n', (2, 2), id="on its line"),
        pytest.param('x = 1\n# seachange: allow SC101 reason="small"\nop.f()\n', (2, 3), id="on the line above"),
        pytest.param(
            'x = 1\n# seachange: allow SC101 reason="small"\n# and more\nop.f(\n  1,\n)\n', (2, 6), id="above other comments"
        ),
        pytest.param('x = 1\nop.f(\n    1,  # seachange: allow SC101 reason="small"\n    2,\n)\n', (2, 5), id="within the call"),
        pytest.param(
            'x = 1\nop.f("""\nALTER TABLE t -- seachange: allow SC101 reason="small"\n  ADD b int""")\n', (2, 4), id="in SQL"
        ),
        pytest.param(
            'def f():\n    for t in y:\n        # seachange: allow SC101 reason="small"\n        op.f(t)\n',
            (3, 4),
            id="in a loop",
        ),
        pytest.param('"""Docstring."""\n\n# seachange: allow SC101 reason="small"\nimport x\n', (0, 0), id="before any code"),
        pytest.param('# seachange: allow SC101 reason="small"\n"""Docstring."""\nimport x\n', (0, 0), id="before the docstring"),
    ],
)
def test_a_comment_in_python_counts_for_what_it_stands_beside(text: str, lines: tuple[int, int]) -> None:
    (found,) = _read(text)

    assert (found.first, found.last, found.rules, found.reason, found.fault) == (*lines, ("SC101",), "small", "")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param('SELECT 1;\nSELECT 2; -- seachange: allow SC101 reason="small"\n', (2, 2), id="on its line"),
        pytest.param('SELECT 1;\n/* seachange: allow SC101 reason="small" */\nALTER TABLE t\n  ADD b int;\n', (2, 4), id="above"),
        pytest.param('SELECT 1;\nALTER TABLE t -- seachange: allow SC101 reason="small"\n  ADD b int;\n', (2, 3), id="within"),
        pytest.param('-- seachange: allow SC101 reason="small"\nSELECT 1;\n', (0, 0), id="before any code"),
    ],
)
def test_a_comment_in_sql_counts_for_what_it_stands_beside(text: str, lines: tuple[int, int]) -> None:
    (found,) = _read(text, file="change.sql")

    assert (found.first, found.last, found.rules, found.reason, found.fault) == (*lines, ("SC101",), "small", "")


def test_a_comment_allows_several_rules_until_a_day() -> None:
    (found,) = _read("x = 1\nop.f()  # seachange: allow SC101, SC104,SC204 reason='in a window' until=2027-01-01\n")

    assert (found.rules, found.until, found.fault) == (("SC101", "SC104", "SC204"), datetime.date(2027, 1, 1), "")


@pytest.mark.parametrize(
    "text", [_HEAD, "x = '# seachange: allow SC101 reason=\"no\"'\n", "# other: allow SC101\n", "not python (\n"]
)
def test_what_is_no_comment_for_us_allows_nothing(text: str) -> None:
    assert _read(text) == ()


@pytest.mark.parametrize(
    ("comment", "fault"),
    [
        ("allow SC101", "the suppression of SC101 gives no reason, and so allows nothing"),
        ('allow SC101 reason=""', "the suppression of SC101 gives no reason, and so allows nothing"),
        ('allow reason="because"', "the suppression names no rule"),
        ('allow SC101 reason="a" until=tomorrow', "until=tomorrow is no day; write it as 2030-01-01"),
        ('allow SC101 reason="a" til=2027-01-01', "the suppression says 'til', which means nothing"),
        ('allow SC101 reason="a" for ever', "the suppression says 'for ever', which means nothing"),
        ("ignore SC101", "a comment for seachange says 'ignore SC101', where only `allow` is known"),
    ],
)
def test_a_faulty_comment_is_an_error_and_allows_nothing(comment: str, fault: str) -> None:
    kept, suppressed, remarks = _apply(f"x = 1\nop.f()  # seachange: {comment}\n", _finding(2))

    assert (kept, suppressed, remarks) == ([2], [], [("error", fault)])


def test_findings_of_its_lines_and_rules_are_suppressed_and_no_others() -> None:
    text = 'x = 1\nop.f()  # seachange: allow SC101 reason="small"\nop.f()\n'
    kept, suppressed, remarks = _apply(
        text, _finding(2), _finding(2, code="SC104"), _finding(3), _finding(2, file="versions/2.py")
    )

    assert (kept, suppressed, remarks) == ([2, 3, 2], [2], [])


def test_a_comment_at_the_top_counts_for_the_file_and_for_the_revision_as_a_whole() -> None:
    text = '# seachange: allow SC101 reason="small"\nx = 1\nop.f()\n'

    assert _apply(text, _finding(3), _finding(0)) == ([], [3, 0], [])


@pytest.mark.parametrize(("until", "kept"), [("2026-05-02", False), ("2026-05-01", True), ("2025-01-01", True)])
def test_from_its_day_on_a_suppression_ends_and_the_finding_says_so(until: str, *, kept: bool) -> None:
    text = f'x = 1\nop.f()  # seachange: allow SC101 reason="small" until={until}\n'
    found, suppressed, remarks = apply([_finding(2)], _read(text), today=_TODAY, known={"SC101"})

    assert [each.message for each in found] == (
        [f"it rewrites; the suppression in line 2 (small) ended on {until}"] if kept else []
    )
    assert (len(suppressed), remarks) == (not kept, ())


def test_unused_and_unknown_suppressions_are_reported() -> None:
    text = 'x = 1\nop.f()  # seachange: allow SC101, SC104, SC999 reason="small"\n'

    assert _apply(text, _finding(2))[2] == [
        ("warning", "SC104 finds nothing here: the suppression is unused"),
        ("warning", "there is no rule SC999"),
    ]


def test_a_rule_that_was_not_asked_leaves_its_suppression_alone() -> None:
    text = 'x = 1\nop.f()  # seachange: allow SC101 reason="small"\n'

    assert apply([], _read(text), today=_TODAY, known={"SC101"}, ran=())[2] == ()
