"""The life of a history on an empty server, as a pipeline: up, down, up again, data, and the whole workflow."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from seachange.errors import ExitCode
from seachange.plan import Finding, StepResult
from seachange.testing._subject import Subject, differences_between
from seachange.workflow import Pipeline, Run, Step, pipeline
from seachange.workflow.steps import WORKFLOW
from seachange.workflow.steps._sync import check_sync

if TYPE_CHECKING:
    from seachange.postgres.catalog import Catalog

__all__ = ["life_of_a_history"]


def life_of_a_history(name: str = "migrations") -> Pipeline:
    """Return the pipeline for one empty database; option ``scale`` is that of the seeds.

    :param name: what the report calls it.
    """
    journey = _Journey()
    return pipeline(
        Step(name="up", run=journey.up, title="from an empty database to the head"),
        Step(name="down", run=journey.down, title="back again"),
        Step(name="up-again", run=journey.up_again, title="the same catalogue as at first"),
        Step(name="seed", run=_seed, title="the project's seeds"),
        Step(name="newest", run=_newest_on_data, title="the newest revision down and up on data"),
        Step(name="models", run=_models, title="the models equal the database"),
        *(step for step in WORKFLOW.steps if step.name != "clean"),
        Step(name="sync-check", run=check_sync, needs=("sync",), title="the artefacts are the same a second time"),
        name=name,
    )


class _Journey:
    """The steps that compare the database with what it was earlier."""

    def __init__(self) -> None:
        self._empty: Catalog | None = None
        self._head: Catalog | None = None

    def up(self, run: Run) -> StepResult:
        """Upgrade an empty database to the head."""
        run.current()  # so that a failure can say from where the database was moved
        subject = _subject(run)
        self._empty = subject.catalog()
        seconds = subject.up()
        self._head = subject.catalog()
        slowest = sorted(seconds.items(), key=lambda item: -item[1])[:3]
        facts = (f"{len(self._head.tables)} tables", "slowest: " + ", ".join(f"{name} {took:.2f} s" for name, took in slowest))
        return StepResult(summary=f"{len(seconds)} revisions applied", facts=facts[: 2 if slowest else 1])

    def down(self, run: Run) -> StepResult:
        """Downgrade as far as the history can go; what it leaves behind is a finding."""
        subject = _subject(run)
        floor = subject.floor()
        seconds = subject.down(floor)
        summary = f"{len(seconds)} revisions reverted"
        if floor != "base":
            return StepResult(status="warning", summary=f"{summary}, down to {floor}, which cannot be undone")
        left = differences_between(_known(self._empty), subject.catalog(), code="left-behind")
        return _result(left, f"{summary}, nothing left behind", failure=f"{summary}, but they left something behind")

    def up_again(self, run: Run) -> StepResult:
        """Upgrade again; the catalogue must be what it was."""
        subject = _subject(run)
        seconds = subject.up()
        changed = differences_between(_known(self._head), subject.catalog(), code="not-repeatable")
        summary = f"{len(seconds)} revisions applied, the catalogue is"
        return _result(changed, f"{summary} the same", failure=f"{summary} not what it was the first time")


def _known(catalog: Catalog | None) -> Catalog:
    if catalog is None:
        raise ValueError("the step that reads this catalogue has not run")
    return catalog


def _seed(run: Run) -> StepResult:
    from seachange.workflow.seed import seed

    if not run.settings.seeds:
        return StepResult(status="skipped", summary="the project names no seeds")
    return seed(run)


def _newest_on_data(run: Run) -> StepResult:
    """Run the newest revision down and up on the seeded database; tables that exist on both sides keep their rows."""
    subject = _subject(run)
    newest = subject.history.revisions[-1] if subject.history.revisions else None
    if newest is None or newest.merge or not newest.reversible:
        return StepResult(status="skipped", summary="there is no newest revision that goes down to one other")
    before = subject.rows()
    subject.down(newest.down_revisions[0] if newest.down_revisions else "base")
    below = subject.rows()
    subject.up()
    after = subject.rows()
    lost = tuple(
        Finding(
            code="rows-lost",
            message=f"{table} had {before[table]:,} rows, {below[table]:,} below and {after.get(table, 0):,} after",
        )
        for table in below
        if table in before and not before[table] == below[table] == after.get(table)
    )
    own = sum(count for table, count in before.items() if table not in below)
    facts = (f"{own:,} rows in tables of its own went with it",) if own else ()
    kept = sum(before.values()) - own
    result = _result(lost, f"{newest.revision} went down and up, {kept:,} rows kept", failure=f"{newest.revision} loses rows")
    return dataclasses.replace(result, facts=facts, data={"revision": newest.revision, "rows": dict(after)})


def _models(run: Run) -> StepResult:
    # Before the workflow, whose generate would write a revision for what the models have more.
    return _result(_subject(run).model_differences(), "no difference", failure="the models differ from the database")


def _subject(run: Run) -> Subject:
    return Subject(settings=run.settings, database=run.database, history=run.history, progress=run.progress)


def _result(findings: tuple[Finding, ...], success: str, *, failure: str) -> StepResult:
    if findings:
        return StepResult(status="failed", summary=failure, findings=findings, exit_code=ExitCode.FOUND)
    return StepResult(summary=success)
