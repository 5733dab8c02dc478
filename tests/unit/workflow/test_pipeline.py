"""Pipelines: composition and selection."""

from __future__ import annotations

import pytest

from seachange.errors import ConfigError
from seachange.plan import StepResult
from seachange.workflow import Run, Step, pipeline
from seachange.workflow.steps import WORKFLOW, apply, backup, check, verify


def nothing(run: Run) -> StepResult:
    return StepResult()


def warm_caches(run: Run) -> StepResult:
    """Fill the caches."""
    return StepResult()


def step(name: str, *needs: str) -> Step:
    return Step(name=name, run=nothing, needs=needs)


def test_the_workflow_has_the_steps_of_the_design_in_their_order() -> None:
    assert WORKFLOW.names == ("check", "backup", "generate", "lint", "rehearse", "apply", "sync", "verify", "clean")


def test_backup_and_generate_run_side_by_side_and_sync_beside_verify() -> None:
    needs = {one.name: WORKFLOW.needs(one) for one in WORKFLOW.steps}

    assert needs["backup"] == needs["generate"] == {"check"}
    assert needs["lint"] == {"check", "generate"}
    assert needs["apply"] == {"check", "backup", "generate", "lint", "rehearse"}
    assert needs["sync"] == needs["verify"] == {"check", "apply"}
    assert needs["clean"] == {"sync", "verify"}


def test_a_plain_function_becomes_a_barrier_between_the_steps_around_it() -> None:
    made = pipeline(check, backup, warm_caches, apply, verify, name="mine")
    own = made.steps[2]

    assert (own.name, own.title) == ("warm-caches", "Fill the caches.")
    assert made.needs(own) == {"check", "backup"}
    assert "warm-caches" in made.needs(made.steps[3])
    assert "warm-caches" in made.needs(made.steps[4])


@pytest.mark.parametrize(
    ("skip", "only", "until", "expected"),
    [
        pytest.param(("b",), (), "", ("a", "c"), id="skip"),
        pytest.param((), ("a", "c"), "", ("a", "c"), id="only"),
        pytest.param((), (), "b", ("a", "b"), id="until"),
        pytest.param(("a",), (), "b", ("b",), id="until and skip"),
    ],
)
def test_steps_are_selected_by_name(skip: tuple[str, ...], only: tuple[str, ...], until: str, expected: tuple[str, ...]) -> None:
    made = pipeline(step("a"), step("b", "a"), step("c", "b"))

    assert made.select(skip=skip, only=only, until=until).names == expected


def test_a_step_does_not_wait_for_one_that_was_left_out() -> None:
    made = pipeline(step("a"), step("b", "a")).select(skip=("a",))

    assert made.needs(made.steps[0]) == frozenset()


def test_an_unknown_step_names_the_nearest_and_all() -> None:
    with pytest.raises(ConfigError, match=r"migration\.workflow has no step 'bakup'") as caught:
        WORKFLOW.select(skip=("bakup",))

    assert (
        caught.value.hint
        == "did you mean backup? its steps are check, backup, generate, lint, rehearse, apply, sync, verify, clean"
    )


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two steps named 'a'"):
        pipeline(step("a"), step("a"))


def test_a_need_that_is_written_later_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs 'b', which is written after it"):
        pipeline(step("a", "b"), step("b"))
