"""A fix as text: what is different, locks and work before and after, what stays dangerous."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from seachange.report.marks import Marks

if TYPE_CHECKING:
    from seachange.safety.fix import Held, Left, Measure
    from seachange.workflow.fix import Fix

__all__ = ["fix_data", "fix_lines"]


def fix_lines(fix: Fix, marks: Marks, *, dry_run: bool) -> list[str]:
    """Return what was rewritten, the locks before and after, and the change itself before it is written.

    :param fix: the fix.
    :param marks: how to mark lines.
    :param dry_run: whether it stops before anything is written.
    """
    if fix.revision is None:
        return [f"{marks.mark('done')}no revision is pending: there is nothing to fix"]
    name = fix.revision.revision
    if not fix.said and not fix.left:
        return [f"{marks.mark('done')}{name}: nothing to fix, no long work is done while others wait (PostgreSQL {fix.major})"]
    lines = [f"{marks.mark('info')}{each}" for each in fix.said]
    if fix.after is not None or fix.left:
        lines += ["", *_measured(fix.before, fix.after)]
    if fix.refused:
        lines += ["", f"{marks.mark('warning')}not offered: {fix.refused}"]
    if fix.diff:
        lines += ["", *fix.diff.splitlines(), ""]
    if fix.later and fix.offered:
        lines.append(f"{marks.mark('warning')}later, once no running code needs the old column, in a revision of its own:")
        lines += [f"    {sql}" for sql in fix.later]
    lines += [line for each in fix.left for line in _left(each, marks)]
    lines += [f"{marks.mark('info')}{fact}" for fact in fix.facts]
    return [*lines, *_ending(fix, marks, dry_run=dry_run)]


def fix_data(fix: Fix) -> dict[str, Any]:
    """Return a fix as JSON values."""
    revision, split = fix.revision, fix.split
    return {
        "revision": revision.revision if revision else None,
        "major": fix.major,
        "offered": fix.offered,
        "refused": fix.refused,
        "changes": fix.said,
        "before": _data(fix.before),
        "after": _data(fix.after),
        "left": fix.left,
        "later": fix.later,
        "facts": fix.facts,
        "revisions": split.revisions if split else (),
        "files": split.files if split else (),
        "diff": fix.diff,
    }


def _measured(before: Measure, after: Measure | None) -> Iterator[str]:
    for name in sorted({each.relation for measured in (before, after) if measured for each in measured.held}):
        held = [measured.of(name) for measured in (before, after) if measured]
        if any(each is not None and each.mode.blocks_writers for each in held):
            yield name
            yield from (f"  {word}{_words(each)}" for word, each in zip(("before: ", "after:  "), held, strict=False))


def _words(held: Held | None) -> str:
    if held is None:
        return "no lock"
    if not held.mode.blocks_writers:
        return held.mode.words
    work = ", ".join(each.removesuffix(f" of {held.relation}") for each in held.work)
    return f"{held.mode.words} during {work}" if work else f"{held.mode.words}, brief"


def _left(left: Left, marks: Marks) -> Iterator[str]:
    where = f"{left.file}:{left.line}" if left.file else f"line {left.line}"
    yield f"{marks.mark('warning')}{where}: {left.code}"
    yield f"    not rewritten: {left.why}"
    yield f"    by hand: {left.manual}"


def _ending(fix: Fix, marks: Marks, *, dry_run: bool) -> list[str]:
    if fix.split is None or fix.refused:
        return []
    count = len(fix.split.files)
    words = "would be written" if dry_run else "to write"
    files = ", ".join(fix.split.files)
    return [f"{marks.mark('info')}{count} file{'' if count == 1 else 's'} {words}: {files}"]


def _data(measured: Measure | None) -> Any:
    if measured is None:
        return None
    held = [
        {"relation": each.relation, "mode": each.mode.words, "work": each.work, "blocks_writers": each.mode.blocks_writers}
        for each in measured.held
    ]
    return {"relations": held, "work_blocking_readers": measured.readers, "work_blocking_writers": measured.writers}
