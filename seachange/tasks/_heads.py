"""Heads of the history: list and check them, put one after the other, join them."""

from __future__ import annotations

from seachange.tasks._task import Face, task

__all__ = ["heads", "merge", "rebase"]

_BASE = "branch that others work from (default: origin/HEAD, origin/main, main, origin/master, master)"


@task(
    collection="migration",
    help={"check": "exit 2 when heads should be one, or one of yours does not follow the base branch", "base": _BASE},
)
def heads(face: Face, *, check: bool = False, base: str = "") -> None:
    """List the heads, and what you added since the merge base."""
    from seachange.report.heads import heads_lines
    from seachange.workflow.rebase import compare_heads

    found = compare_heads(face.settings, base=base, required=check)
    data = {"base": found.base, "note": found.note, "heads": found.heads.heads, "mine": found.heads.mine}
    lines = heads_lines(found)
    if not check:
        face.answer(lines, {**data, "findings": found.heads.findings})
        return
    if not face.json:
        face.answer(lines, data)
    clean = "there is nothing to join or to move"
    face.findings(found.heads.findings, clean=clean, data=data)


@task(
    changes=True,
    collection="migration",
    help={
        "revision": "revisions to move, separated by commas (default: those that the base branch has not)",
        "onto": "head to follow (default: the only other one)",
        "base": _BASE,
        "offline": "go on when a known database cannot say whether it has applied them",
        "trial": "run them on a throwaway server before the files stay",
    },
)
def rebase(face: Face, *, revision: str = "", onto: str = "", base: str = "", offline: bool = False, trial: bool = True) -> None:
    """Put your unpublished revisions after the other head."""
    from seachange.report.heads import rebase_lines
    from seachange.workflow.rebase import rebase as rebase_revisions

    done = rebase_revisions(
        face.settings,
        revisions=_names(revision),
        onto=onto,
        base=base,
        offline=offline,
        trial=trial,
        dry_run=face.dry_run,
        progress=face.say,
    )
    data = {"onto": done.plan.onto, "moves": done.plan.moves, "notes": done.plan.notes, "facts": done.facts, "diff": done.diff}
    face.answer(rebase_lines(done, face.marks, dry_run=face.dry_run), {**data, "dry_run": face.dry_run})


@task(
    changes=True,
    collection="migration",
    help={
        "revision": "heads to join, separated by commas (default: those that should be one)",
        "name": "name of the revision",
        "location": "version location to write it to",
    },
)
def merge(face: Face, *, revision: str = "", name: str = "", location: str = "") -> None:
    """Write a revision that joins heads and changes nothing else."""
    from seachange.report.heads import merge_lines
    from seachange.workflow.rebase import merge as merge_heads

    made = merge_heads(face.settings, revisions=_names(revision), name=name, location=location, dry_run=face.dry_run)
    data = {"merge": made, "text": made.change.after.decode(), "dry_run": face.dry_run}
    face.answer(merge_lines(made, face.marks, dry_run=face.dry_run), data)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
