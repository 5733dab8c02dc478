"""Taking Seachange on in an existing project."""

from __future__ import annotations

from seachange.tasks._task import Face, task

__all__ = ["init"]


@task(changes=True, help={"yes": "extend an existing tasks.py or noxfile.py without asking"})
def init(face: Face, *, yes: bool = False) -> None:
    """Take Seachange on in an Alembic project: three files, nothing else."""
    from pathlib import Path

    from seachange.report.adopt import found_lines, proposal_lines
    from seachange.revisions.changes import unified_diff
    from seachange.workflow.adopt import adopt, look, propose

    found = look(Path.cwd())
    proposals = propose(found)
    changes = [proposal.change for proposal in proposals if proposal.change is not None]
    if extended := [proposal for proposal in proposals if proposal.action == "extend"]:
        face.say(unified_diff([proposal.change for proposal in extended if proposal.change], root=found.root).rstrip())
        names, are = " and ".join(proposal.file for proposal in extended), "is" if len(extended) == 1 else "are"
        question = f"{names} {are} there already; the lines above would be added at the end, and nothing is written yet"
        face.confirm(question, expected="yes", yes=yes)
    if not face.dry_run:
        adopt(proposals)
    diff = unified_diff(changes, root=found.root)
    lines = [*found_lines(found), "", *(diff.splitlines() if face.dry_run else ())]
    data = {"found": found, "files": proposals, "diff": diff, "dry_run": face.dry_run}
    face.answer([*lines, *proposal_lines(proposals, face.marks, dry_run=face.dry_run)], data)
