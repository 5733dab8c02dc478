"""Plans as values: their hash, and the way to JSON and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from seachange.errors import PlanInvalidError
from seachange.plan import Plan, PlannedRevision, Statement

STATEMENT = Statement(sql="CREATE TABLE pets ()", file="migrations/0002.py", line=9)
REVISION = PlannedRevision(
    revision="0002",
    title="Create pets",
    file="migrations/0002.py",
    reversible=True,
    content_hash="c0ffee",
    sql_hash="beef",
    statements=(STATEMENT,),
)
PLAN = Plan(
    direction="upgrade",
    current=("0001",),
    target=("0002",),
    revisions=(REVISION,),
    database="clinic",
    server_major=18,
    created="now",
)


def changed(part: dict[str, Any]) -> Plan:
    return dataclasses.replace(PLAN, revisions=(dataclasses.replace(REVISION, **part),))


def test_a_plan_comes_back_from_json_as_it_was() -> None:
    assert Plan.from_json(json.dumps(PLAN.to_dict())) == PLAN


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(dataclasses.replace(PLAN, database="other", server_major=14, created="then"), id="where and when"),
        pytest.param(changed({"file": "elsewhere/0002.py", "title": "Make pets"}), id="path and title"),
        pytest.param(
            changed({"statements": (dataclasses.replace(STATEMENT, file="elsewhere/0002.py"),)}), id="path of a statement"
        ),
    ],
)
def test_the_hash_says_nothing_of(other: Plan) -> None:
    assert other.hash == PLAN.hash


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(dataclasses.replace(PLAN, direction="downgrade"), id="direction"),
        pytest.param(dataclasses.replace(PLAN, current=()), id="where it begins"),
        pytest.param(dataclasses.replace(PLAN, target=("0003",)), id="where it ends"),
        pytest.param(dataclasses.replace(PLAN, revisions=()), id="revisions"),
        pytest.param(changed({"content_hash": "dead"}), id="content of a file"),
        pytest.param(changed({"sql_hash": "dead"}), id="whole SQL"),
        pytest.param(changed({"statements": (dataclasses.replace(STATEMENT, sql="DROP TABLE pets"),)}), id="SQL"),
        pytest.param(changed({"statements": (dataclasses.replace(STATEMENT, transaction=0),)}), id="transaction"),
    ],
)
def test_the_hash_is_over(other: Plan) -> None:
    assert other.hash != PLAN.hash


def damaged(change: Callable[[dict[str, Any]], object]) -> str:
    document = PLAN.to_dict()
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "it is no JSON", id="empty"),
        pytest.param("[1]", "it says schema None", id="a list"),
        pytest.param('{"schema": "seachange.plan/2"}', "it says schema 'seachange.plan/2', not 'seachange.plan/1'", id="version"),
        pytest.param(
            '{"schema": "seachange.plan/1"}', "it says seachange.plan/1, but is none: KeyError('revisions')", id="nothing in it"
        ),
        pytest.param(damaged(lambda plan: plan.update(revisions=[])), "does not have the hash", id="a revision less"),
        pytest.param(
            damaged(lambda plan: plan["revisions"][0]["statements"][0].update(sql="DROP TABLE pets")),
            "not have the hash",
            id="SQL",
        ),
        pytest.param(damaged(lambda plan: plan.update(revisions=[7])), "is none: TypeError", id="a number for a revision"),
        pytest.param(damaged(lambda plan: plan.pop("hash")), "is none: KeyError('hash')", id="no hash"),
    ],
)
def test_what_is_no_plan_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(PlanInvalidError) as caught:
        Plan.from_json(text)

    assert message in caught.value.message
