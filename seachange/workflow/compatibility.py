"""Whether the code of another commit works with the schema of the working tree, tried on a throwaway server."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seachange.errors import ExitCode
from seachange.plan import Finding, StepResult
from seachange.workflow._passage import travel
from seachange.workflow._reference import AUTO, Reference, find_reference
from seachange.workflow._worktree import Worktree, checked_out
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database
    from seachange.safety.compatibility import Case, Code, Compatibility, Effect

__all__ = ["compatibility", "find_compatibility"]


def compatibility(run: Run) -> StepResult:
    """Say whether the code of option ``compatible_with`` works when the database is at the head, by table and column.

    :returns: failed with exit code 2 when it does not.
    """
    from seachange.safety.compatibility import LEVELS, finding_of

    found = find_compatibility(run, str(run.options.get("compatible_with") or AUTO))
    breaking = found.version_class == "breaking"
    told = [effect for effect in found.effects if effect.severity != "info"]
    return StepResult(
        status="failed" if breaking else "warning" if told or found.problems else "done",
        summary=f"{found.version_class} ({LEVELS[found.version_class]}) for {found.name}; {_ORDERS[found.order]}",
        facts=tuple(_facts(found)),
        findings=(*(finding_of(effect) for effect in told), *_one_release(found), *map(_unknown, found.problems)),
        data=found.to_dict(),
        exit_code=ExitCode.FOUND if breaking else ExitCode.DONE,
    )


_FIRST = "select set_config('search_path', quote_ident(%s) || ', ' || current_setting('search_path'), false)"
_ORDERS = {
    "both": "schema and code can be deployed in either order",
    "schema first": "the schema can be deployed first, the code cannot",
    "code first": "the code can be deployed first, the schema cannot",
    "none": "neither schema nor code can be deployed first",
}


def find_compatibility(run: Run, name: str) -> Compatibility:
    """Compare the schema at the head with the code of a commit, and the present code with the schema of that commit.

    :param run: the run.
    :param name: the commit, as for :func:`seachange.workflow._reference.find_reference`.
    :raises ConfigError: there is no such commit.
    :raises ModelsNotImportableError: the models of one of the two cannot be loaded.
    """
    from seachange.safety.compatibility import Compatibility, classify, judge, missed

    reference = find_reference(run, name)
    run.progress(f"loading the models of {reference.name}")
    with concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="models") as loading:
        codes = loading.submit(_codes, run, reference)
        try:
            with _shadow_at(run, reference) as database:
                old, new = codes.result()
                tried = _tried(run, database, old=old, new=new)
        finally:
            codes.cancel()
    effects = judge(tried.forward)
    pending = _pending(run, tried.revisions)
    return Compatibility(
        name=reference.name,
        commit=reference.commit,
        revisions=tried.revisions,
        queries=len(old.queries),
        effects=effects,
        code_first=(*missed(judge(tried.backward)), *_unfit(tried)),
        pending=classify(effect for effect in effects if effect.place.revision in pending or not effect.place.revision),
        problems=tuple(_problems(tried, reference)),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Tried:
    """The code of the commit on the way to the head, and the present code on the way back."""

    revisions: tuple[str, ...]
    forward: Case
    backward: Case


def _codes(run: Run, reference: Reference) -> tuple[Code, Code]:
    from seachange.workflow._code import load_code

    root = run.settings.root
    with checked_out(reference.git, root, commit=reference.commit) as worktree:
        old = load_code(run.settings, worktree, name=reference.name)
    here = Worktree(top=worktree.original, root=root, original=worktree.original)
    return old, load_code(run.settings, here, name="the working tree")


@contextlib.contextmanager
def _shadow_at(run: Run, reference: Reference) -> Iterator[Database]:
    from seachange.revisions.shadow_history import open_shadow

    parents = {parent for name in reference.revisions for parent in run.history.parents[name]}
    state = tuple(sorted(reference.revisions - parents))
    with open_shadow(run.settings, run.history, revisions=state, major=run.server.major) as shadow:
        yield shadow.clone()


def _tried(run: Run, database: Database, *, old: Code, new: Code) -> _Tried:
    """Prepare the statements of both before and after the revisions; those of the old code are kept meanwhile, as by drivers."""
    from seachange.postgres.connection import connect
    from seachange.safety.compatibility import Case, Prepared, check_functions, prepare, read_schema

    with (
        contextlib.closing(connect(database, autocommit=True)) as running,
        contextlib.closing(connect(database, autocommit=True)) as other,
    ):
        schemas = run.settings.schemas
        before = read_schema(other, schemas=schemas)
        default = old.default_schema(before)
        for session in (running, other):
            session.execute(_FIRST, [default])
        old, new = old.in_schema(default), new.in_schema(default)
        kept = Prepared(running, [query.sql for query in old.queries])
        bodies_before = check_functions(other)
        new_before = prepare(other, [query.sql for query in new.queries])
        run.progress("applying the revisions on a throwaway server")
        steps = travel(run, database)
        after = read_schema(other, schemas=schemas)
        outdated = kept.outdated() if run.settings.prepared_statements else frozenset()
        old_after = prepare(other, [query.sql for query in old.queries])
        bodies_after = check_functions(other)
        new_after = prepare(other, [query.sql for query in new.queries])
    forward = Case(
        code=old,
        old=before,
        new=after,
        failed_before=kept.failures,
        failed_after=old_after,
        outdated=outdated,
        successor=new,
        bodies_before=bodies_before,
        bodies_after=bodies_after,
        steps=steps,
    )
    backward = Case(code=new, old=after, new=before, failed_before=new_after, failed_after=new_before, steps=steps)
    return _Tried(revisions=tuple(step.revision for step in steps), forward=forward, backward=backward)


def _pending(run: Run, revisions: Iterable[str]) -> frozenset[str]:
    applied = {revision.revision for revision in run.history.ancestors(run.current())}
    return frozenset(revisions) - applied


def _unfit(tried: _Tried) -> Iterator[Effect]:
    """Yield what the present code, written for the schema before, does not find at the head: it is not adapted yet."""
    from seachange.safety.compatibility import Effect

    case = tried.backward
    for number, failure in case.failed_before.items():
        query = case.code.queries[number]
        if number not in case.failed_after:
            message = f"{query.table}: {query.kind} of {query.owner} does not fit the schema at the head: {failure.message}"
            yield Effect(impact="breaking", table=query.table, message=message, statements=(f"{query.kind} of {query.owner}",))
            return


def _problems(tried: _Tried, reference: Reference) -> Iterator[str]:
    for case in (tried.forward, tried.backward):
        yield from (f"{case.code.name}: {problem}" for problem in case.code.problems)
        failures = [(number, each) for number, each in case.failed_before.items() if number in case.failed_after]
        if failures:
            query = case.code.queries[failures[0][0]]
            yield (
                f"{case.code.name}: {len(failures)} of its {len(case.code.queries)} statements fit neither schema and say "
                f"nothing here, {query.kind} of {query.owner} first: {failures[0][1].message}"
            )
    if reference.missing:
        yield f"{reference.name} has revisions that the working tree has not: {', '.join(reference.missing)}"


def _facts(found: Compatibility) -> Iterator[str]:
    yield (
        f"{found.name} ({found.commit[:12]}): {_count(found.queries, 'statement')} of its models, "
        f"{_count(len(found.revisions), 'revision')} since"
    )
    yield from (f"{effect.impact}: {effect.message}" for effect in found.effects if effect.severity == "info")
    yield from (f"the working tree: {effect.message}" for effect in found.code_first)
    if found.revisions and found.pending != found.version_class:
        yield f"what the database does not have yet is {found.pending}"


def _one_release(found: Compatibility) -> Iterator[Finding]:
    """Yield an error when code and change need each other: whichever is deployed first, something fails in between."""
    if found.order == "none" and any(effect.place.revision for effect in found.code_first):
        yield Finding(
            code="SC713",
            message=f"{found.name} breaks with the new schema, and the working tree with the old one: both come in one release",
            hint="release code first that works with both schemas, then the change, then code that needs it",
            provenance="proven",
        )


def _unknown(problem: str) -> Finding:
    return Finding(code="compatibility-unknown", message=problem, severity="warning")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
