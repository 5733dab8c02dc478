"""Revisions: generate, apply, revert, look, and the whole workflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from seachange.errors import ConfigError
from seachange.report.documents import FORMATS
from seachange.tasks._fix import fix
from seachange.tasks._heads import heads, merge, rebase
from seachange.tasks._lint import lint
from seachange.tasks._rehearse import rehearse
from seachange.tasks._rollback import rollback
from seachange.tasks._task import Face, task
from seachange.tasks._trace import trace

if TYPE_CHECKING:
    from seachange.plan import Plan

__all__ = [
    "apply_",
    "check",
    "fix",
    "generate",
    "heads",
    "lint",
    "log",
    "merge",
    "plan",
    "rebase",
    "rehearse",
    "reset",
    "revert",
    "rollback",
    "show",
    "status",
    "trace",
    "validate",
    "workflow",
]

_ALLOW = {"allow": "RULE=reason: let findings of lint pass; the reason is kept in the history (repeatable)"}
_KILL = {"kill_blockers": "idle-in-transaction: end sessions that are idle in a transaction and in the way"}
_FAILURE = {"on_failure": "stop, downgrade or restore: what follows when a revision or the check after it fails"}
_STEPS = "check, backup, generate, lint, rehearse, apply, sync, verify, clean"
_ANSWERS = {
    "rename": "table.old=new or old_table=new_table: what is renamed instead of dropped and added (repeatable)",
    "fill": "table.column=SQL expression that rows get before the column becomes NOT NULL (repeatable)",
    "default": "table.column=SQL expression of a default that is there while the column is added (repeatable)",
    "answers": "file of questions as --format json prints them, with the answers filled in",
}


@task(
    changes=True,
    help={
        "name": "name of the revision, if one is generated",
        "skip": "steps to leave out, separated by commas",
        "only": f"steps to run, separated by commas ({_STEPS})",
        "until": "the last step to run",
        **_ANSWERS,
        **_ALLOW,
        **_KILL,
        **_FAILURE,
    },
    iterable=("rename", "fill", "default", "allow"),
)
def workflow(  # noqa: PLR0913  # each parameter is a flag of the command
    face: Face,
    *,
    name: str = "",
    skip: str = "",
    only: str = "",
    until: str = "",
    rename: Sequence[str] | None = None,
    fill: Sequence[str] | None = None,
    default: Sequence[str] | None = None,
    answers: str = "",
    allow: Sequence[str] | None = None,
    kill_blockers: str = "",
    on_failure: str = "",
) -> None:
    """Take an edited model to a live, verified database."""
    from seachange.safety.lint import parse_allowances
    from seachange.workflow.steps import WORKFLOW

    face.request(kill_blockers=kill_blockers, on_failure=on_failure)
    chosen = WORKFLOW.select(skip=_names(skip), only=_names(only), until=until)
    allowed = parse_allowances(allow or ())
    face.run(chosen, name=name, rename=rename, fill=fill, default=default, answers=answers, allow=allowed)


@task(
    changes=True,
    help={
        "name": "name of the revision",
        "location": "version location to write it to",
        **_ANSWERS,
        "sql": "write the SQL of both directions into two files beside the revision, which runs them",
        "empty": "write a revision without operations, to be filled in; needs --name, and no database",
        "data": "write a data migration in batches, resumable: for --table, or for what --fill says",
        "table": "table of --data",
    },
    iterable=("rename", "fill", "default"),
)
def generate(  # noqa: PLR0913  # each parameter is a flag of the command
    face: Face,
    *,
    name: str = "",
    location: str = "",
    rename: Sequence[str] | None = None,
    fill: Sequence[str] | None = None,
    default: Sequence[str] | None = None,
    answers: str = "",
    sql: bool = False,
    empty: bool = False,
    data: bool = False,
    table: str = "",
) -> None:
    """Write a revision from what the models have and the history has not."""
    from seachange.workflow import pipeline, steps
    from seachange.workflow.skeleton import write_skeleton

    if empty or data or table:
        kinds = {"empty": empty, "data": data}
        with face.new_run(options={"name": name, "location": location, "table": table, "fill": fill, **kinds}) as run:
            made = write_skeleton(run)
        path = run.history.relative(made.path)
        said = f"{'would write' if face.dry_run else 'written'}: {path}"
        face.answer([said, *made.operations], {"revision": made.revision, "path": path, "operations": made.operations})
        return
    steps_ = pipeline(steps.check, steps.generate, name="migration.generate")
    options = {"rename": rename, "fill": fill, "default": default, "answers": answers, "sql": sql}
    face.run(steps_, name=name, location=location, **options)


@task(
    formats=("markdown", "sql"),
    help={
        "to": "revision, release (git tag), base, +N or -N; a way back where it leads below (default: the head)",
        "try_back": "undo the revisions again on the throwaway server, and say whether that leads back",
        "output": "file to write the plan to as JSON, for `migration.apply --plan`",
        "check": "exit 2 when there is something to do",
    },
)
def plan(face: Face, *, to: str = "", try_back: bool = False, output: str = "", check: bool = False) -> None:
    """Show what would run: revisions, SQL, places, transactions."""
    from seachange.errors import ExitCode
    from seachange.report.plan import plan_document
    from seachange.workflow.plan import make_plan, write_plan

    with face.new_run(options={"to": to, "try_back": try_back, "twice": bool(output)}) as run:
        made = make_plan(run)
    if output:
        write_plan(made, Path(output))
        face.say(f"the plan was written to {output}")
    face.write(plan_document(made, face.format, marks=face.marks, width=face.width))
    if check and made.revisions:
        raise Exit(code=ExitCode.FOUND)


@task(
    changes=True,
    name="apply",
    aliases=("run",),
    help={
        "to": "revision to stop at (default: the head)",
        "plan": "file of `migration.plan --output`: run exactly that or refuse",
        "rehearsal": "file of `migration.rehearse --out`: apply only what was rehearsed there, with success",
        **_KILL,
        **_FAILURE,
    },
)
def apply_(  # each parameter is a flag of the command
    face: Face, *, to: str = "", plan: str = "", rehearsal: str = "", kill_blockers: str = "", on_failure: str = ""
) -> None:
    """Apply pending revisions, one transaction each."""
    from seachange.workflow import pipeline, steps

    face.request(kill_blockers=kill_blockers, on_failure=on_failure)
    chosen = pipeline(steps.check, steps.apply, name="migration.apply")
    face.run(chosen, to=to, plan=_planned(plan, to=to), rehearsal=rehearsal)


@task(changes=True, help={"yes": "do not ask", **_KILL})
def revert(face: Face, *, yes: bool = False, kill_blockers: str = "") -> None:
    """Revert the last revision."""
    face.request(kill_blockers=kill_blockers)
    _revert(face, "-1", yes=yes)


@task(
    changes=True,
    help={
        "to": "revision, release (git tag), base or -N",
        "plan": "file of `migration.plan --to ... --output`: run exactly that or refuse",
        "yes": "do not ask",
        **_KILL,
    },
)
def reset(face: Face, *, to: str = "base", plan: str = "", yes: bool = False, kill_blockers: str = "") -> None:
    """Go back to a revision, a release or base; asks first."""
    face.request(kill_blockers=kill_blockers)
    _revert(face, to, plan=_planned(plan, to="" if to == "base" else to), yes=yes)


@task(default=True)
def status(face: Face) -> None:
    """Show applied and pending revisions, drift and the last run."""
    from seachange.report.status import status_lines
    from seachange.workflow.status import read_status

    with face.new_run() as run:
        found = read_status(run)
    face.answer(status_lines(found, face.marks), {"status": found})


@task()
def show(face: Face) -> None:
    """List every revision with its location, date and state."""
    from seachange.report.tables import table_lines
    from seachange.workflow.status import revision_states

    with face.new_run() as run:
        states = revision_states(run)
    rows = [(state.state, state.revision, state.title, state.created, state.location) for state in states]
    face.answer(table_lines(("state", "revision", "title", "created", "location"), rows), {"revisions": states})


@task(formats=FORMATS)
def validate(face: Face) -> None:
    """Check the history in the files, without a database."""
    from seachange.revisions.history import read_history
    from seachange.revisions.validate import validate as findings_of

    history = read_history(face.settings)
    count, locations = len(history.revisions), len({revision.location for revision in history.revisions})
    clean = f"{count} revisions in {locations} locations make one order, head {' '.join(history.heads) or 'none'}"
    data = {"revisions": [revision.revision for revision in history.revisions], "heads": history.heads}
    face.findings(findings_of(history, since=face.settings.lint_since), clean=clean, data=data)


@task(
    help={
        "compatible_with": "commit, tag or branch: say instead whether its code works with the schema at the head, "
        "and which class of version that makes; auto: the last release tag, else where this branch began"
    }
)
def check(face: Face, *, compatible_with: str = "") -> None:
    """Validate, reach the database, look at rows, compare models."""
    from seachange.workflow import pipeline, steps

    if compatible_with:
        face.run(pipeline(steps.check, steps.compatibility, name="migration.check"), compatible_with=compatible_with)
        return
    face.run(pipeline(steps.check, steps.data, steps.verify, name="migration.check"))


@task(help={"revision": "only runs that had to do with this one", "limit": "how many runs to show"})
def history(face: Face, *, revision: str = "", limit: int = 10) -> None:
    """Show the runs that changed the database, newest first."""
    from seachange.report.history import history_lines
    from seachange.workflow.runs import recorded_runs

    with face.new_run() as run:
        runs = recorded_runs(run, limit=limit, revision=revision)
        titles = {known.revision: known.title for known in run.history.revisions}
    face.answer(history_lines(runs, titles=titles, marks=face.marks), {"runs": runs})


@task(
    changes=True,
    help={
        "only": "kinds of mismatches, separated by commas: applied-elsewhere, reverted-elsewhere, changed-after-apply, "
        "deleted-after-apply (default: all)",
        "stamp": "revision, heads or base: make the version table say that, if the catalogue of the database says the same",
        "yes": "do not ask",
    },
)
def repair(face: Face, *, only: str = "", stamp: str = "", yes: bool = False) -> None:
    """Make the history agree with the version table and the files."""
    from seachange.workflow import Step, pipeline
    from seachange.workflow.repair import actions, find_mismatches, select_kinds
    from seachange.workflow.repair import repair as repair_step

    if stamp:
        _stamp(face, stamp, only=only, yes=yes)
        return
    kinds = select_kinds(only)
    with face.new_run() as run:
        found = [one for one in find_mismatches(run, baseline=True) if one.kind in kinds]
        if not found:
            face.answer(["nothing to repair: history, version table and files agree"], {"mismatches": found})
            return
        for action in actions(found):
            face.say(action)
        face.confirm(f"writing this into the history of {run.database.redacted}", expected=run.database.name, yes=yes)
    face.run(pipeline(Step(name="repair", run=repair_step), name=face.name), kinds=kinds)


@task(help={"lines": "how many of the last lines to show", "follow": "go on showing lines as they come"})
def log(face: Face, *, lines: int = 20, follow: bool = False) -> None:
    """Show the structured log of runs."""
    from seachange.report.log import follow as follow_log
    from seachange.report.log import read_log
    from seachange.report.tables import log_line

    entries = read_log(face.settings, lines=lines)
    face.answer([log_line(entry) for entry in entries], {"entries": entries})
    if follow:
        for entry in follow_log(face.settings):
            face.answer([log_line(entry)], {"entries": [entry]})


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _stamp(face: Face, to: str, *, only: str, yes: bool) -> None:
    from seachange.revisions.stamp import find_state
    from seachange.workflow import Step, pipeline
    from seachange.workflow.stamp import stamp

    if only:
        raise ConfigError(
            "--only and --stamp contradict each other: a stamp moves the version table", hint="leave one of them out"
        )
    with face.new_run() as run:
        state = find_state(run.history, to)
        place, now = (" and ".join(names) or "an empty history" for names in (state, run.current()))
        question = f"moving the version table of {run.database.redacted} from {now} to {place}, without running a revision"
        face.confirm(question, expected=run.database.name, yes=yes)
    face.run(pipeline(Step(name="stamp", run=stamp), name=face.name), state=state)


def _planned(plan: str, *, to: str) -> Plan | None:
    from seachange.workflow.plan import read_plan

    if to and plan:
        raise ConfigError(
            "--to and --plan contradict each other: a plan says itself where it leads", hint="leave one of them out"
        )
    return read_plan(Path(plan)) if plan else None


def _revert(face: Face, to: str, *, plan: Plan | None = None, yes: bool) -> None:
    from seachange.workflow import Step, pipeline, steps
    from seachange.workflow.losses import preview
    from seachange.workflow.plan import require_plan
    from seachange.workflow.revert import plan_revert, require_backup, resolve_target
    from seachange.workflow.revert import revert as revert_step

    with face.new_run() as run:
        target = require_plan(run, plan, direction="downgrade") if plan else resolve_target(run, to)
        todo = plan_revert(run, target)
        if not todo.revisions:
            face.answer(["nothing to revert"], {"plan": todo})
            return
        if not face.dry_run and to != "-1":
            require_backup(run)
        shown = preview(run, todo, target=target)
        names = ", ".join(f"{revision.revision} {revision.title}" for revision in todo.revisions)
        question = "\n".join((f"reverting on {run.database.redacted}: {names}", *shown.told()))
        face.confirm(question, expected=run.database.name, yes=yes)
    step = Step(name="revert", run=revert_step, needs=("check",))
    face.run(pipeline(steps.check, step, name=face.name), to=target, preview=shown, backwards=True)
