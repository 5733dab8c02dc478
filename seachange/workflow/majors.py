"""The same revisions on several versions of PostgreSQL, and where these differ."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from seachange.errors import ConfigError
from seachange.safety.facts import StatementFacts, Trace
from seachange.workflow.run import Run
from seachange.workflow.trace import trace_pending

__all__ = ["ByMajor", "compare_majors", "parse_majors", "trace_majors"]

_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")
_OLDEST, _NEWEST = 14, 18


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByMajor:
    """A trace for each version, and a sentence for each difference."""

    traces: tuple[Trace, ...]
    differences: tuple[str, ...] = ()


def parse_majors(text: str) -> tuple[int, ...]:
    """Return the versions that ``14-18`` or ``16,18`` means, oldest first.

    :raises ConfigError: it means none, or one that is not supported.
    """
    found: set[int] = set()
    for part in (part.strip() for part in text.split(",")):
        match = _RANGE.fullmatch(part)
        if match is None and not part.isdecimal():
            raise ConfigError(f"--majors: {part!r} is no version of PostgreSQL", hint="--majors 14-18, or --majors 16,18")
        first, last = (int(match[1]), int(match[2])) if match else (int(part), int(part))
        found.update(range(first, last + 1))
        if first > last or first < _OLDEST or last > _NEWEST:
            raise ConfigError(f"--majors: {part} is not within {_OLDEST}-{_NEWEST}", hint="--majors 14-18, or --majors 16,18")
    return tuple(sorted(found))


def trace_majors(run: Run, majors: Sequence[int], *, target: str = "heads", current: Iterable[str] | None = None) -> ByMajor:
    """Trace on each version, one after the other: revisions import the project's code, which is there once.

    :param run: the run; told about the progress.
    :param majors: the versions.
    :param target: as for :func:`trace_pending`, like ``current``.
    :raises ServerStartError: a version is not at hand.
    """
    at = tuple(run.current() if current is None else current)
    traces = []
    for major in majors:
        run.progress(f"tracing on PostgreSQL {major}")
        traces.append(trace_pending(run, target=target, current=at, major=major))
    return ByMajor(traces=tuple(traces), differences=compare_majors(traces))


def compare_majors(traces: Sequence[Trace]) -> tuple[str, ...]:
    """Return a sentence for each statement that does not do the same everywhere."""
    statements: dict[tuple[str, int], dict[int, StatementFacts]] = {}
    for trace in traces:
        for revision in trace.revisions:
            for each in revision.statements:
                statements.setdefault((revision.revision, each.number), {})[trace.major] = each
    return tuple(sentence for found in statements.values() for sentence in _differences(found))


def _differences(found: Mapping[int, StatementFacts]) -> Iterator[str]:
    where = next(iter(found.values())).where
    said = [(major, _said(facts)) for major, facts in found.items()]
    for sentence in dict.fromkeys(one for _, sentences in said for one in sentences):
        does = [major for major, sentences in said if sentence in sentences]
        others = [major for major in found if major not in does]
        if others:
            other = "works" if sentence.startswith("errors") else "not"
            yield f"{where}: {sentence} on {_versions(does)}, {other} on {_versions(others)}"


def _said(facts: StatementFacts) -> tuple[str, ...]:
    if facts.error is not None:
        return (f'errors with "{facts.error.message}"',)
    return (
        *(f"takes {lock.mode.words} on {lock.relation}" for lock in facts.new_locks if lock.kind != "index"),
        *(f"rewrites {table}" for table in facts.rewrites),
        *(f"scans {table}" for table in facts.verified),
        *(f"builds {build.index}" for build in facts.index_builds),
        *(f"drops {dropped.kind} {dropped.name}" for dropped in facts.dropped if not dropped.cascaded),
    )


def _versions(majors: Sequence[int]) -> str:
    """Return versions as people write them: ``14-16``, ``14, 18``."""
    runs: list[list[int]] = []
    for major in majors:
        if runs and major == runs[-1][-1] + 1:
            runs[-1].append(major)
        else:
            runs.append([major])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
