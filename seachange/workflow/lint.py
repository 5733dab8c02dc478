"""What the rules say of revisions: run on a throwaway server, or only read where there is none."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.errors import ConfigError, RevisionUnknownError
from seachange.plan import Finding, Statement
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.revisions.history import Revision
    from seachange.safety.environment import Environment
    from seachange.safety.facts import RevisionFacts, Trace
    from seachange.safety.lint import Allowance, Choice
    from seachange.safety.rules import Context, Rule
    from seachange.safety.statistics import Statistics
    from seachange.safety.suppression import Suppression

__all__ = ["Judgement", "Scope", "find_scope", "judge", "judge_file", "judge_pending"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    """Which revisions are judged: those between two states; ``words`` say how they were chosen."""

    current: tuple[str, ...]
    target: str
    revisions: tuple[Revision, ...]
    words: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the rules say of some revisions.

    ``findings`` count; ``allowed`` were let pass in this run, ``suppressed`` by a comment beside the op. ``trace`` is None where
    nothing was run. ``absent`` are about tables that the database does not have yet: nobody waits for these. ``old``: how many
    revisions were passed over because they are not newer than setting ``lint_since``. ``opinions`` are those of a text linter
    that is installed, ``disagreements`` say where reading the text would have been wrong; the trace overrules both.
    """

    findings: tuple[Finding, ...]
    revisions: tuple[str, ...] = ()
    allowed: tuple[tuple[Finding, Allowance], ...] = ()
    suppressed: tuple[tuple[Finding, Suppression], ...] = ()
    opinions: tuple[Finding, ...] = ()
    disagreements: tuple[str, ...] = ()
    absent: tuple[Finding, ...] = ()
    trace: Trace | None = dataclasses.field(default=None, repr=False)
    old: int = 0
    words: str = ""

    @property
    def faulty(self) -> bool:
        """Whether a finding is an error."""
        return any(finding.severity == "error" for finding in self.findings)


def find_scope(run: Run) -> Scope:
    """Return which revisions the options ``start``, ``to`` and ``new`` of a run mean: by default those that are pending.

    :param run: the run; its database is asked only for what is pending.
    :raises ConfigError: options contradict each other, or there is no base branch to compare with.
    :raises RevisionUnknownError: a revision is in no file.
    """
    from seachange.revisions.planning import plan_upgrade

    start, target = str(run.options.get("start") or ""), str(run.options.get("to") or "heads")
    if start and run.options.get("new"):
        raise ConfigError("--from and --new contradict each other", hint="--new means: from where the base branch is")
    if start:
        begun = () if start == "base" else (run.history.find(start).revision,)
        current, words = tuple[str, ...](begun), f"after {start}"
    elif run.options.get("new"):
        current, words = _published(run)
    elif run.options.get("static"):
        current, words = _unpublished(run)
    else:
        run.look_ahead(target=target, major=run.options.get("major"))
        current, words = run.current(), "pending"
    plan = plan_upgrade(run.history, current=current, target=target)
    revisions = tuple(run.history.by_id[planned.revision] for planned in plan.revisions)
    return Scope(current=tuple(current), target=target, revisions=revisions, words=words)


def judge_pending(run: Run) -> Judgement:
    """Return what the rules say of what is about to be applied to the run's database, traced once for all steps of the run.

    How grave it is depends on the rows that are there, also in development; :func:`judge` thinks of other databases as well.

    :param run: the run.
    :raises MigrationFailedError: a revision that is applied fails on the throwaway server.
    """
    return _judged(run, run.trace.revisions, trace=run.trace, words="pending", here=True)


def judge(run: Run, scope: Scope) -> Judgement:
    """Return what the rules say of revisions, with what else there is to say of each: other opinions, wrong predictions.

    :param run: the run; with option ``static`` they are only read.
    :param scope: which revisions.
    """
    from seachange.workflow.static import predict_revisions
    from seachange.workflow.trace import trace_pending

    if not scope.revisions:
        return Judgement(findings=(), words=scope.words)
    major = run.options.get("major")
    if run.options.get("static"):
        told = predict_revisions(run.settings, run.history, scope.revisions, major=major or 0)
        return _judged(run, told.revisions, words=scope.words, more=told.findings)
    if scope.words == "pending":
        major = major or run.server.major
    trace = trace_pending(run, current=scope.current, target=scope.target, major=major)
    return _compared(run, _judged(run, trace.revisions, trace=trace, words=scope.words))


def judge_file(run: Run, path: Path, *, empty: bool = False) -> Judgement:
    """Return what the rules say of a plain file of SQL.

    :param run: the run; with option ``static`` the file is only read.
    :param path: the file.
    :param empty: try it in an empty database instead of one that is where the run's database is.
    :raises ConfigError: it cannot be read.
    """
    from seachange.workflow.static import predict_sql
    from seachange.workflow.trace import read_sql, trace_file

    major, words = run.options.get("major"), f"in {path}"
    if run.options.get("static"):
        told = predict_sql(run.settings, read_sql(path), file=str(path), major=major or 0)
        return _judged(run, told.revisions, words=words, more=told.findings)
    trace = trace_file(run, path, empty=empty, major=major)
    return _compared(run, _judged(run, trace.revisions, trace=trace, words=words))


def _judged(
    run: Run,
    facts: Iterable[RevisionFacts],
    *,
    trace: Trace | None = None,
    words: str,
    here: bool = False,
    more: Iterable[Finding] = (),
) -> Judgement:
    from seachange.safety.lint import Choice, lint, split_absent, split_allowed

    judged, old = _new_enough(run, tuple(facts))
    choice, rules = Choice(severity=run.settings.lint_severity), _rules(run)
    context, sizes = _context(run, live=trace is not None and words == "pending", here=here or run.settings.production)
    found = (*lint(judged, context=context, choice=choice, rules=rules), *_broken_off(trace), *more)
    kept, suppressed, remarks = _suppressed(run, judged, found, choice=choice)
    present, absent = split_absent(kept, sizes)
    counting, allowed = split_allowed((*present, *remarks), run.options.get("allow") or ())
    return Judgement(
        findings=counting,
        revisions=tuple(each.revision for each in judged),
        allowed=allowed,
        suppressed=suppressed,
        absent=absent,
        trace=trace,
        old=old,
        words=words,
    )


def _suppressed(
    run: Run, judged: Iterable[RevisionFacts], found: Iterable[Finding], *, choice: Choice
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, Suppression], ...], tuple[Finding, ...]]:
    """Return the findings that comments beside the op do not allow, those that they do, and remarks on the comments."""
    from seachange.safety.rules import RULES
    from seachange.safety.suppression import apply, read_suppressions

    suppressions: list[Suppression] = []
    for file in dict.fromkeys(each.file for each in judged if each.file):
        # A file that cannot be read has failed already.
        with contextlib.suppress(OSError, UnicodeDecodeError):
            suppressions += read_suppressions(file, run.settings.path(file).read_text(encoding="utf-8"))
    ran = [known.id for known in RULES.values() if known.check is not None and choice.speaks(known)]
    today = datetime.datetime.now(datetime.UTC).date()
    return apply(found, suppressions, today=today, known=RULES, ran=ran)


def _compared(run: Run, judgement: Judgement) -> Judgement:
    """Return a judgement with what a text linter says where one is installed, and with where reading alone was wrong."""
    from seachange.safety.disagreement import compare
    from seachange.safety.predict import predict
    from seachange.safety.squawk import ask, find_squawk, weigh

    program = find_squawk()
    opinions: list[Finding] = []
    wrong: list[str] = []
    for facts in judgement.trace.revisions if judgement.trace is not None else ():
        if facts.revision not in judgement.revisions:
            continue
        predicted = predict(_texts(facts), major=facts.major, before=facts.before)
        wrong += [f"{each.statement.where}: {each.sentence}" for each in compare(predicted, facts)]
        if program is not None:
            found = (*judgement.findings, *judgement.absent, *(one for one, _ in (*judgement.suppressed, *judgement.allowed)))
            opinions += weigh(ask(program, facts, root=run.settings.root), found=found)
    return dataclasses.replace(judgement, opinions=tuple(opinions), disagreements=tuple(dict.fromkeys(wrong)))


def _texts(facts: RevisionFacts) -> Iterator[Statement]:
    for each in facts.statements:
        yield Statement(sql=each.sql, file=each.file, line=each.line, transaction=each.transaction, count=each.count)


def _broken_off(trace: Trace | None) -> tuple[Finding, ...]:
    """Return why the trace ended early, where that was not a statement which the server refused."""
    if trace is None or not trace.error or any(each.error for facts in trace.revisions for each in facts.statements):
        return ()
    file = trace.revisions[-1].file if trace.revisions else ""
    return (Finding(code="SC001", message=trace.error, hint=trace.hint, file=file, provenance="proven"),)


def _published(run: Run) -> tuple[tuple[str, ...], str]:
    """Return the newest revisions that the base branch has, and how to call what comes after them."""
    from seachange.workflow.branch import find_base

    branch = find_base(run.settings, run.history, required=True)
    if branch.base is None:
        raise ConfigError(f"--new: {branch.note}", hint="name the first revision that is old with --from REV")
    known = [name for name in run.history.by_id if name in branch.base.published]
    followed = {parent for name in known for parent in run.history.parents[name]}
    return tuple(name for name in known if name not in followed), f"not on {branch.base.name}"


def _unpublished(run: Run) -> tuple[tuple[str, ...], str]:
    """Return the newest revisions that are old for an editor: those of the base branch, none where there is no such branch."""
    try:
        return _published(run)
    except ConfigError:
        return (), "of the history"


def _new_enough(run: Run, facts: tuple[RevisionFacts, ...]) -> tuple[tuple[RevisionFacts, ...], int]:
    """Return the facts of revisions that are newer than ``lint_since``, and how many others there are."""
    since = run.settings.lint_since
    if not since:
        return facts, 0
    try:
        old = {revision.revision for revision in run.history.ancestors((run.history.find(since).revision,))}
    except RevisionUnknownError as exc:
        raise ConfigError(f"lint.since: {exc.message}", hint="name a revision of this project, or leave it out") from exc
    kept = tuple(each for each in facts if each.revision not in old)
    return kept, len(facts) - len(kept)


def _rules(run: Run) -> Mapping[str, Rule]:
    from seachange.safety.lint import available_rules

    if run.settings.lint_rules and str(run.settings.root) not in sys.path:
        # As Alembic does for env.py: a project's own modules are found from its root.
        sys.path.insert(0, str(run.settings.root))
    return available_rules(run.settings.lint_rules)


def _context(run: Run, *, live: bool, here: bool) -> tuple[Context, Statistics | None]:
    """Return sizes and surroundings, and what the run's database has where that is asked; a statistics file goes before it."""
    from seachange.safety.rules import Context, Thresholds
    from seachange.workflow.statistics import exported_statistics

    settings = run.settings
    thresholds = Thresholds(
        small_rows=settings.lint_small_rows, large_rows=settings.lint_large_rows, disk_budget_bytes=settings.lint_disk_budget
    )
    statistics = exported_statistics(run)
    if not live:
        return Context(statistics=statistics, thresholds=thresholds), None
    sizes, environment = _asked(run)
    # How many rows a development database happens to have says nothing of the real one; that a table is not there does.
    known = statistics or (sizes if here else None)
    return Context(statistics=known, environment=environment, thresholds=thresholds), sizes


def _asked(run: Run) -> tuple[Statistics, Environment]:
    from seachange.postgres.connection import connect
    from seachange.safety.environment import read_environment
    from seachange.safety.statistics import read_statistics

    with contextlib.closing(connect(run.database, autocommit=True)) as session:
        return read_statistics(session), read_environment(session)
