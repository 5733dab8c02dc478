"""What is wrong with a history, found without a database and without running a revision."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from seachange.plan import Finding, Severity
from seachange.revisions import _order
from seachange.revisions._headers import stamp_of
from seachange.revisions._revision import Revision
from seachange.revisions.history import History
from seachange.revisions.release import parse as parse_release

__all__ = ["validate"]

_ID_KINDS = (re.compile(r"[0-9a-f]{12}"), re.compile(r"\d{10,14}"), re.compile(r"\d{1,6}"))


def validate(history: History) -> tuple[Finding, ...]:
    """Return every fault of the history: of single files first, then of the order.

    :param history: as :func:`seachange.revisions.history.read_history` returned it.
    """
    rules = (
        _duplicates,
        _missing_parents,
        _cycles,
        _bases,
        _heads,
        _equal_times,
        _decreasing_times,
        _bodies,
        _file_names,
        _labels,
        _releases,
    )
    return (*history.findings, *(finding for rule in rules for finding in rule(history)))


def _finding(
    history: History, code: str, message: str, *, hint: str, at: Revision, name: str = "revision", severity: Severity = "error"
) -> Finding:
    file, line = history.relative(at.path), at.lines.get(name, 0)
    return Finding(code=code, message=message, hint=hint, severity=severity, file=file, line=line)


def _duplicates(history: History) -> Iterator[Finding]:
    for copy in history.duplicates:
        first = history.relative(history.by_id[copy.revision].path)
        message = f"revision {copy.revision} is in two files: {first} and {history.relative(copy.path)}"
        yield _finding(history, "duplicate-revision", message, hint="give one of them another id", at=copy)


def _missing_parents(history: History) -> Iterator[Finding]:
    ids = set(history.by_id)
    ids_and_labels = ids.union(label for revision in history.by_id.values() for label in revision.branch_labels)
    for revision in history.by_id.values():
        for name, needed, known in (
            ("down_revision", revision.down_revisions, ids),
            ("depends_on", revision.depends_on, ids_and_labels),
        ):
            for parent in needed:
                if parent not in known:
                    message = f"{name} of {revision.revision} is {parent}, which is in no file"
                    hint = f"add the file of {parent}, or correct {name}; was a branch merged without it?"
                    yield _finding(history, "missing-down-revision", message, hint=hint, at=revision, name=name)


def _cycles(history: History) -> Iterator[Finding]:
    if not history.unordered:
        return
    left = {revision.revision for revision in history.unordered}
    cycle = _order.find_cycle(history.parents, left)
    message = "revisions follow each other in a circle: " + " <- ".join((*cycle, cycle[0]))
    hint = "correct the down_revision of one of them"
    yield _finding(history, "cyclic-down-revision", message, hint=hint, at=history.by_id[cycle[0]], name="down_revision")


def _bases(history: History) -> Iterator[Finding]:
    plain = [name for name in history.bases if not history.by_id[name].branch_labels and not history.by_id[name].depends_on]
    if len(plain) > 1:
        message = f"the history has {len(plain)} bases: {_names(plain)}"
        hint = "set down_revision of all but the first, or give independent branches their branch_labels"
        yield _finding(history, "several-bases", message, hint=hint, at=history.by_id[plain[1]], name="down_revision")


def _heads(history: History) -> Iterator[Finding]:
    if len(history.heads) > 1:
        message = f"the history has {len(history.heads)} heads: {_names(history.heads)}"
        hint = "put yours after the other: `invoke migration.rebase`; or join them: `invoke migration.merge`"
        # The last of those that are equally old: later in the order is the likelier newcomer.
        at = max((history.by_id[name] for name in reversed(history.heads)), key=lambda revision: revision.when)
        yield _finding(history, "several-heads", message, hint=hint, at=at, name="down_revision")


def _names(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _equal_times(history: History) -> Iterator[Finding]:
    seen: dict[int, Revision] = {}
    for revision in history.by_id.values():
        if not revision.when:
            continue
        other = seen.setdefault(revision.when, revision)
        if other is not revision:
            message = f"{revision.revision} and {other.revision} have the same timestamp"
            hint = "give the later one a later timestamp: tools that order by it are free to swap them"
            severity: Severity = "error" if _ordered_by_id(revision, other) else "warning"
            yield _finding(history, "duplicate-timestamp", message, hint=hint, at=revision, severity=severity)


def _ordered_by_id(*revisions: Revision) -> bool:
    # Where the id is a timestamp people and tools order by it; elsewhere the links alone count and the time is a remark.
    return all(stamp_of(revision.revision) is not None for revision in revisions)


def _decreasing_times(history: History) -> Iterator[Finding]:
    for revision in history.by_id.values():
        for name in revision.down_revisions:
            parent = history.by_id.get(name)
            if parent is not None and parent.when and 0 < revision.when < parent.when:
                message = f"{revision.revision} follows {name} but is older by its timestamp"
                hint = "rename it with a timestamp after its down_revision, or correct down_revision"
                severity: Severity = "error" if _ordered_by_id(revision, parent) else "warning"
                yield _finding(history, "decreasing-timestamp", message, hint=hint, at=revision, severity=severity)


def _bodies(history: History) -> Iterator[Finding]:
    for revision in history.by_id.values():
        label = revision.revision
        if revision.upgrade == "missing":
            message, hint = f"{label} has no upgrade()", "add it; a revision that only joins heads has an empty one"
            yield _finding(history, "missing-upgrade", message, hint=hint, at=revision)
        elif revision.upgrade == "empty" and not revision.merge:
            message, hint = f"upgrade() of {label} does nothing", "fill it in or remove the revision"
            yield _finding(history, "empty-upgrade", message, hint=hint, at=revision, name="upgrade", severity="warning")
        if revision.upgrade == "empty":
            continue
        if revision.downgrade == "missing":
            message, hint = f"{label} has no downgrade()", "write what undoes it, or raise an error that says why that cannot be"
            yield _finding(history, "missing-downgrade", message, hint=hint, at=revision, severity="warning")
        elif revision.downgrade == "empty":
            message = f"downgrade() of {label} does nothing: going back would leave the schema as it is and record otherwise"
            hint = "write what undoes it, or raise an error that says why that cannot be"
            yield _finding(history, "empty-downgrade", message, hint=hint, at=revision, name="downgrade", severity="warning")


def _file_names(history: History) -> Iterator[Finding]:
    shape = _shape(history.file_template)
    for revision in (*history.by_id.values(), *history.duplicates):
        if said := _other_id(revision, shape) or _other_time(revision):
            message = f"the file name says {said}, the file says revision {revision.revision}"
            hint = "rename the file, or correct the revision and the down_revision that names it"
            yield _finding(history, "file-name-contradicts", message, hint=hint, at=revision)


def _other_id(revision: Revision, shape: re.Pattern[str] | None) -> str:
    """The id in a file name made by file_template, when it is another one of the same kind."""
    found = shape.fullmatch(revision.path.stem) if shape else None
    if not found or revision.revision in revision.path.stem:
        return ""
    alike = any(kind.fullmatch(found["rev"]) and kind.fullmatch(revision.revision) for kind in _ID_KINDS)
    return found["rev"] if alike else ""


def _other_time(revision: Revision) -> str:
    by_id, by_name = stamp_of(revision.revision), stamp_of(revision.path.stem)
    return revision.path.stem if by_id is not None and by_name is not None and by_id != by_name else ""


def _shape(template: str) -> re.Pattern[str] | None:
    """Turn ``%(rev)s-%(slug)s`` into an expression that finds the id in a file name."""
    if template.count("%(rev)s") != 1:
        return None
    name = template.rsplit("/", 1)[-1]
    parts = re.split(r"(%\(\w+\)\.?\d*[sd])", name)
    pattern = "".join(_part(part) for part in parts)
    return re.compile(pattern) if "(?P<rev>" in pattern else None


def _part(part: str) -> str:
    if part == "%(rev)s":
        return r"(?P<rev>[^\W_]+)"
    if part == "%(slug)s":
        return r".*"
    return r"\d+" if part.startswith("%(") else re.escape(part)


def _labels(history: History) -> Iterator[Finding]:
    labelled = [(label, revision) for revision in history.by_id.values() for label in revision.branch_labels]
    for (label, first), (same, second) in pairwise(sorted(labelled, key=lambda pair: pair[0])):
        if label == same:
            message = f"branch label {label} is used by {first.revision} and {second.revision}"
            yield _finding(
                history, "duplicate-branch-label", message, hint="choose another label", at=second, name="branch_labels"
            )
    for label, revision in labelled:
        if label in history.by_id:
            message = f"branch label {label} of {revision.revision} is also the id of a revision"
            hint = "choose another label: Alembic refuses it"
            yield _finding(history, "duplicate-branch-label", message, hint=hint, at=revision, name="branch_labels")


def _releases(history: History) -> Iterator[Finding]:
    for revision in history.by_id.values():
        if revision.requires_release and parse_release(revision.requires_release) is None:
            message = f"requires_release of {revision.revision} is {revision.requires_release!r}, which is no release"
            hint = "write dotted numbers, such as 2.4.0: apply refuses the revision as it is"
            yield _finding(history, "unreadable-release", message, hint=hint, at=revision, name="requires_release")
