"""Rules over facts: what they say of a change, how grave that is here, and what was allowed."""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib
import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, cast

from seachange.errors import ConfigError
from seachange.plan import Finding, Severity
from seachange.safety.facts import RevisionFacts
from seachange.safety.rules import RULES, Context, Rule, Verdict, finding_of, load_rules
from seachange.safety.statistics import Statistics

__all__ = [
    "ENTRY_POINTS",
    "Allowance",
    "Choice",
    "available_rules",
    "lint",
    "parse_allowances",
    "sort_findings",
    "split_absent",
    "split_allowed",
]

# Packages offer rules of their own under this group of entry points; each names a module that registers them when it is imported.
ENTRY_POINTS = "seachange.rules"

# Says of any statement that the server refuses it; how narrower rules begin what it answered.
_REFUSED = "SC001"
_REFUSALS = ("the server refuses it: ", " fails: ", "is refused: ")

_HEAVIER: Mapping[str, Severity] = {"info": "info", "warning": "error", "error": "error"}
_LIGHTER: Mapping[str, Severity] = {"info": "info", "warning": "info", "error": "warning"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """Which rules speak, and how loud.

    ``severity``: pairs of a pattern (``SC104``, ``SC10??``, a rule's name) and a severity or ``off``; the last one wins.
    """

    severity: tuple[tuple[str, str], ...] = ()

    def of(self, known: Rule) -> str | None:
        """Return the severity that was chosen for a rule, None where nothing was said of it."""
        found = None
        for pattern, severity in self.severity:
            if fnmatch.fnmatchcase(known.id, pattern) or known.name == pattern:
                found = severity
        return found

    def speaks(self, known: Rule) -> bool:
        """Return whether a rule is asked at all."""
        chosen = self.of(known)
        return known.check is not None and (known.by_default if chosen is None else chosen != "off")

    def require_known(self, rules: Mapping[str, Rule]) -> None:
        """Refuse a pattern that means no rule.

        :raises ConfigError: naming it.
        """
        names = {known.name for known in rules.values()}
        for pattern, _ in self.severity:
            if pattern not in names and not fnmatch.filter(rules, pattern):
                raise ConfigError(
                    f"lint.severity: no rule is called {pattern!r}",
                    hint="docs/rules/README.md lists the rules; SC10?? means a group",
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Allowance:
    """A rule that may be broken in this run, and why."""

    rule: str
    reason: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.reason}"


def parse_allowances(texts: Iterable[str]) -> tuple[Allowance, ...]:
    """Return what ``RULE=reason`` texts allow.

    :param texts: such as ``SC104=maintenance window, agreed with support``.
    :raises ConfigError: a rule is unknown, or there is no reason.
    """
    found = []
    for text in texts:
        known = load_rules()
        name, _, reason = (part.strip() for part in text.partition("="))
        if not reason:
            raise ConfigError(f"--allow: {text!r} gives no reason", hint=f'--allow "{name or "SC104"}=why this is safe here"')
        if name not in known:
            raise ConfigError(f"--allow: there is no rule {name!r}", hint="docs/rules/README.md lists the rules")
        found.append(Allowance(rule=name, reason=" ".join(reason.split())))
    return tuple(found)


def available_rules(modules: Iterable[str] = ()) -> Mapping[str, Rule]:
    """Return all rules: those of Seachange, of installed packages, and of a project's own modules.

    :param modules: the project's own.
    :raises ConfigError: a module cannot be imported, or registers an id that is taken.
    """
    load_rules()
    offered = [entry.value.partition(":")[0] for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)]
    for module in (*offered, *modules):
        try:
            importlib.import_module(module)
        except Exception as exc:
            raise ConfigError(
                f"the rules in {module} cannot be loaded: {type(exc).__name__}: {exc}",
                hint=f"try python -c 'import {module}'; setting lint.rules and entry points {ENTRY_POINTS} name such modules",
            ) from exc
    return dict(sorted(RULES.items(), key=lambda item: (len(item[0]), item[0])))


def lint(
    revisions: Iterable[RevisionFacts],
    *,
    context: Context | None = None,
    choice: Choice | None = None,
    rules: Mapping[str, Rule] | None = None,
) -> tuple[Finding, ...]:
    """Return what the rules say of revisions, by place.

    :param revisions: their facts, traced or predicted.
    :param context: sizes, the real server, thresholds.
    :param choice: severities that were chosen.
    :param rules: the rules; all that are available by default.
    :raises ConfigError: a severity was chosen for a rule that is unknown.
    """
    context, choice = context or Context(), choice or Choice()
    known = available_rules() if rules is None else rules
    choice.require_known(known)
    found = [finding for facts in revisions for rule in known.values() for finding in _judge(rule, facts, context, choice=choice)]
    return sort_findings(_without_repeats(found))


def _without_repeats(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Leave out that a statement is refused where a narrower rule says the same of it."""
    found = list(findings)
    for each in found:
        narrower = (one for one in found if one.code != _REFUSED and (one.file, one.line) == (each.file, each.line))
        if each.code != _REFUSED or not any(_answer(one) and _answer(one) in each.message for one in narrower):
            yield each


def _answer(finding: Finding) -> str:
    """Return what the server answered, where a message says that it refuses a statement or that this fails."""
    return next((finding.message.partition(words)[2] for words in _REFUSALS if words in finding.message), "")


def split_absent(findings: Iterable[Finding], statistics: Statistics | None) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return the findings that count, and those about tables that the database does not have yet: nobody waits for these.

    :param findings: what was found.
    :param statistics: what the database has, if it was asked for all of its tables.
    """
    if statistics is None or not statistics.complete:
        return tuple(findings), ()
    kept: tuple[list[Finding], list[Finding]] = ([], [])
    for finding in findings:
        kept[bool(finding.table) and finding.table not in statistics.tables].append(finding)
    return tuple(kept[0]), tuple(kept[1])


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by file, line and rule, each once.

    :param findings: from any source.
    """
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda one: (one.file, one.line, len(one.code), one.code, one.message)))


def split_allowed(
    findings: Iterable[Finding], allowances: Iterable[Allowance]
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, Allowance], ...]]:
    """Return the findings that count, and those that were allowed, each with its allowance.

    :param findings: what was found.
    :param allowances: what is allowed in this run.
    """
    by_rule = {each.rule: each for each in allowances}
    kept, allowed = [], []
    for finding in findings:
        if finding.code in by_rule:
            allowed.append((finding, by_rule[finding.code]))
        else:
            kept.append(finding)
    return tuple(kept), tuple(allowed)


def _judge(known: Rule, facts: RevisionFacts, context: Context, *, choice: Choice) -> Iterator[Finding]:
    chosen = choice.of(known)
    if known.check is None or not choice.speaks(known) or not _holds(known, facts, context):
        return
    for verdict in known.check(facts, context):
        if chosen is not None:
            yield dataclasses.replace(finding_of(verdict, known, file=facts.file), severity=cast("Severity", chosen))
        elif not known.sized:
            yield finding_of(verdict, known, file=facts.file)
        else:
            yield _sized(verdict, finding_of(verdict, known, file=facts.file), context)


def _holds(known: Rule, facts: RevisionFacts, context: Context) -> bool:
    """Whether a rule holds for the version that facts are of, or for the real server, which may be another one."""
    first, last = known.majors
    majors = {facts.major, context.environment.major if context.environment else facts.major}
    return any(not major or (first <= major and (not last or major <= last)) for major in majors)


def _sized(verdict: Verdict, finding: Finding, context: Context) -> Finding:
    """Return a finding with the severity that the size of its table makes of it, and the size in its message."""
    size, words = _size(verdict.table, context)
    if size == "unknown":
        return finding
    works = verdict.statement is not None and verdict.table in verdict.statement.long_work()
    severity = finding.severity
    if size == "small":
        severity = _LIGHTER[severity]
    elif size == "large" and works:
        severity = _HEAVIER[severity]
    return dataclasses.replace(finding, severity=severity, message=f"{finding.message} ({words})")


def _size(table: str, context: Context) -> tuple[Literal["unknown", "small", "middle", "large"], str]:
    """Return how large a table is, and that in words."""
    statistics, limits = context.statistics, context.thresholds
    if not table or statistics is None:
        return "unknown", ""
    found = statistics.tables.get(table)
    if found is None:
        return "unknown", ""
    if (found.rows or 0) <= limits.small_rows and found.bytes <= limits.small_bytes:
        return "small", found.words
    return ("large" if (found.rows or 0) >= limits.large_rows else "middle"), found.words
