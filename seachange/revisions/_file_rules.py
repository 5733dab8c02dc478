"""What single revisions show to be wrong: times, file names, functions that do nothing, and the faults of their code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seachange.plan import Finding, Severity
from seachange.revisions._finding import finding
from seachange.revisions._headers import stamp_of
from seachange.revisions._revision import Revision
from seachange.revisions.history import History
from seachange.revisions.release import parse as parse_release

__all__ = ["RULES"]

_RANDOM_ID = re.compile(r"(?=.*[a-f])[0-9a-f]{12}")
_ID_KINDS = (re.compile(r"[0-9a-f]{12}"), re.compile(r"\d{10,14}"), re.compile(r"\d{1,6}"))


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
            yield finding(history, "duplicate-timestamp", message, hint=hint, at=revision, severity=severity)


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
                yield finding(history, "decreasing-timestamp", message, hint=hint, at=revision, severity=severity)


def _bodies(history: History) -> Iterator[Finding]:
    for revision in history.by_id.values():
        label = revision.revision
        if revision.upgrade == "missing":
            message, hint = f"{label} has no upgrade()", "add it; a revision that only joins heads has an empty one"
            yield finding(history, "missing-upgrade", message, hint=hint, at=revision)
        elif revision.upgrade == "empty" and not revision.merge:
            message, hint = f"upgrade() of {label} does nothing", "fill it in or remove the revision"
            yield finding(history, "empty-upgrade", message, hint=hint, at=revision, name="upgrade", severity="warning")
        if revision.upgrade == "empty":
            continue
        if revision.downgrade == "missing":
            message, hint = f"{label} has no downgrade()", 'write what undoes it, or irreversible("why") of seachange'
            yield finding(history, "missing-downgrade", message, hint=hint, at=revision, severity="warning")
        elif revision.downgrade == "empty":
            message = f"downgrade() of {label} does nothing: going back would leave the schema as it is and record otherwise"
            hint = 'write what undoes it, or irreversible("why") of seachange'
            yield finding(history, "empty-downgrade", message, hint=hint, at=revision, name="downgrade", severity="warning")
        elif revision.downgrade == "raises" and not revision.irreversible:
            message, hint = f"downgrade() of {label} refuses and does not say why", 'write irreversible("why") of seachange there'
            yield finding(history, "unexplained-downgrade", message, hint=hint, at=revision, name="downgrade", severity="warning")


def _file_names(history: History) -> Iterator[Finding]:
    shape = _shape(history.file_template)
    for revision in (*history.by_id.values(), *history.duplicates):
        stem = revision.path.stem
        if said := _other_id(revision.revision, stem, shape) or _other_time(revision.revision, stem):
            message = f"the file name says {said}, the file says revision {revision.revision}"
            hint = "rename the file, or correct the revision and the down_revision that names it"
            # Random ids stand in no order that anybody could take from the names.
            severity: Severity = "warning" if _RANDOM_ID.fullmatch(revision.revision) else "error"
            yield finding(history, "file-name-contradicts", message, hint=hint, at=revision, severity=severity)


def _other_id(revision: str, stem: str, shape: re.Pattern[str] | None) -> str:
    """The id in a file name made by file_template, when it is another one of the same kind."""
    found = shape.fullmatch(stem) if shape and revision not in stem else None
    if not found:
        return ""
    alike = any(kind.fullmatch(found["rev"]) and kind.fullmatch(revision) for kind in _ID_KINDS)
    return found["rev"] if alike else ""


def _other_time(revision: str, stem: str) -> str:
    by_id, by_name = stamp_of(revision), stamp_of(stem)
    return stem if by_id is not None and by_name is not None and by_id != by_name else ""


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


def _releases(history: History) -> Iterator[Finding]:
    for revision in history.by_id.values():
        if revision.requires_release and parse_release(revision.requires_release) is None:
            message = f"requires_release of {revision.revision} is {revision.requires_release!r}, which is no release"
            hint = "write dotted numbers, such as 2.4.0: apply refuses the revision as it is"
            yield finding(history, "unreadable-release", message, hint=hint, at=revision, name="requires_release")


def _faults(history: History) -> Iterator[Finding]:
    for revision in (*history.by_id.values(), *history.duplicates):
        for fault in sorted(revision.faults, key=lambda fault: (fault.line, fault.code)):
            yield Finding(
                code=fault.code,
                message=fault.message,
                hint=fault.hint,
                severity=fault.severity,
                file=history.relative(revision.path),
                line=fault.line,
            )


RULES = (_equal_times, _decreasing_times, _bodies, _file_names, _releases, _faults)
