"""All rules together: what they say about themselves, and that whatever the server did is said by one of them."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seachange.safety.facts import IndexBuild, StatementFacts
from seachange.safety.lint import lint
from seachange.safety.rules import load_rules
from tests.battery import FOLDER
from tests.unit.safety.rules.facts import locks, revision

# The rows of the first four sections of what can go wrong: rewrites, constraints, indexes, partitions.
_ROWS = {"SC1": 23, "SC2": 20, "SC3": 19, "SC4": 8}

_LINES = [
    line for line in (FOLDER / "statements.sql").read_text(encoding="utf-8").splitlines() if ">>>" not in line and line.strip()
]


@pytest.mark.parametrize(("section", "count"), _ROWS.items())
def test_every_row_of_a_section_has_its_rule(section: str, count: int) -> None:
    wanted = {f"{section}{number:02}" for number in range(1, count + 1)}

    assert wanted - set(load_rules()) == set()


@pytest.mark.parametrize("name", sorted(load_rules()))
def test_a_rule_says_why_by_what_and_what_to_do(name: str) -> None:
    known = load_rules()[name]

    assert all([known.name, known.title, known.reason, known.source, known.remedy])
    assert not known.title.endswith(".")
    assert (known.check is None) == bool(known.decided_by)


def _is_code(text: str) -> bool:
    try:
        ast.parse(textwrap.dedent(text))
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("name", [name for name in load_rules() if name[:3] in _ROWS and len(name) == 5])
def test_the_safe_way_out_comes_with_code(name: str) -> None:
    example = load_rules()[name].example

    assert example
    assert _is_code(example) or example.startswith("pg_repack")


@st.composite
def _statements(draw: st.DrawFn) -> StatementFacts:
    """A statement of the battery that did anything at all to a table that is locked."""
    work = draw(st.sampled_from(["rewrite", "scan", "build", "nothing"]))
    return StatementFacts(
        sql="; ".join(draw(st.lists(st.sampled_from(_LINES), min_size=1, max_size=3))),
        file="1.py",
        transaction=draw(st.integers(0, 2)),
        new_locks=locks(draw(st.sampled_from(["t=AX", "t=S", "t=SRX y=AX", "pt=AX t=AX"]))),
        rewrites=("public.t",) if work == "rewrite" else (),
        verified=("public.t",) if work == "scan" else (),
        scans={"public.t": 7} if work == "scan" else {},
        index_builds=(IndexBuild(index="public.i", table="public.t"),) if work == "build" else (),
    )


@settings(deadline=None)
@given(st.lists(_statements(), min_size=1, max_size=4))
def test_no_work_of_the_server_under_a_blocking_lock_goes_unsaid(statements: list[StatementFacts]) -> None:
    facts = revision(*statements)

    # SC703: a column that is NOT NULL without a default fails at the first row that the scan meets.
    said = {finding.line for finding in lint([facts]) if finding.code[:3] in _ROWS or finding.code == "SC703"}

    assert {each.line for each in _working(facts.statements)} - said == set()


def _working(statements: tuple[StatementFacts, ...]) -> Iterator[StatementFacts]:
    yield from (each for each in statements if each.rewrites or each.verified or each.index_builds)
