"""The pages under docs/rules/, one for each rule."""

from __future__ import annotations

import re

import pytest

from seachange.safety.rules import Rule, load_rules
from tests.project import REPOSITORY

_PAGES = REPOSITORY / "docs" / "rules"


@pytest.mark.parametrize("rule", load_rules().values(), ids=lambda rule: rule.id)
def test_every_rule_has_a_page_with_its_reason_source_and_way_out(rule: Rule) -> None:
    page = (_PAGES / f"{rule.id}.md").read_text(encoding="utf-8")

    assert page.startswith(f"# {rule.id}: {rule.title}\n")
    assert [part for part in (rule.reason, rule.source, rule.example.strip("\n"), rule.decided_by) if part not in page] == []
    assert f"seachange: allow {rule.id} reason=" in page


def test_the_index_names_every_rule_once() -> None:
    index = (_PAGES / "README.md").read_text(encoding="utf-8")

    assert sorted(re.findall(r"\[(SC\d+)\]", index)) == sorted(load_rules())
