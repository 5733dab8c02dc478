"""Heads, rebases and merges as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seachange.report.marks import Marks
from seachange.report.tables import table_lines

if TYPE_CHECKING:
    from seachange.revisions.merge import Merge
    from seachange.workflow.rebase import Compared, Rebased

__all__ = ["heads_lines", "merge_lines", "rebase_lines"]

_SHORT = 10


def heads_lines(found: Compared) -> list[str]:
    """Return the heads as a table, and beside what they were compared."""
    base = found.base
    rows = [
        (each.revision, each.title, each.location, ", ".join(each.branch_labels), _origin(each.origin, base.name if base else ""))
        for each in found.heads.heads
    ]
    lines = [*table_lines(("head", "title", "location", "branch labels", "from"), rows)]
    if base is None:
        return [*lines, f"only the heads were counted: {found.note}"]
    mine = ", ".join(found.heads.mine) or "none"
    return [*lines, f"added since the merge base {base.merge_base[:_SHORT]} with {base.name}: {mine}"]


def _origin(origin: str, base: str) -> str:
    words = {"mine": "mine", "published": f"published on {base}", "not here yet": f"{base}, not here yet", "unknown": ""}
    return words[origin]


def rebase_lines(done: Rebased, marks: Marks, *, dry_run: bool) -> list[str]:
    """Return what a rebase did; of a dry run the diff first."""
    if not done.plan.moves:
        return [f"{marks.mark('done')}nothing to rebase: there is one head"]
    lines = done.diff.splitlines() if dry_run else []
    for move in done.plan.moves:
        renamed = "" if move.new_revision == move.revision else f"{move.revision} is {move.new_revision} now and "
        before = " and ".join(move.down_revisions) or "nothing"
        name = f"{renamed}follows" if renamed else f"{move.revision} follows"
        lines.append(f"{marks.mark('info')}{name} {move.new_down_revision or 'nothing'} (before: {before}): {move.new_file}")
    lines += [f"{marks.mark('warning')}{note}" for note in done.plan.notes]
    lines += [f"{marks.mark('info')}{fact}" for fact in done.facts]
    count = len(done.plan.moves)
    words = f"{count} revision{'' if count == 1 else 's'} {'would be rebased' if dry_run else 'rebased'}"
    return [*lines, f"{marks.mark('info' if dry_run else 'done')}{words} onto {done.plan.onto or 'the empty history'}"]


def merge_lines(made: Merge, marks: Marks, *, dry_run: bool) -> list[str]:
    """Return what was written; of a dry run the whole text."""
    joined = " and ".join(made.down_revisions)
    if dry_run:
        return [*made.change.after.decode().splitlines(), f"{marks.mark('info')}would write {made.file}, which joins {joined}"]
    return [f"{marks.mark('done')}{made.file}: {made.revision} joins {joined}"]
