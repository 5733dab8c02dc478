"""What `seachange init` found and wrote, as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seachange.report.marks import Marks

if TYPE_CHECKING:
    from seachange.workflow.adopt import Found, Proposal

__all__ = ["found_lines", "proposal_lines"]

_WORDS = {
    "write": ("written", "would be written"),
    "append": ("appended to", "would be appended to"),
    "extend": ("extended", "would be extended"),
    "keep": ("left alone", "left alone"),
}


def found_lines(found: Found) -> list[str]:
    """Return what a project has, a line each."""
    heads = ", ".join(found.heads) or "none"
    faults = _count(found.errors, "error") + ", " + _count(found.warnings, "warning")
    rows = {
        "project": str(found.root),
        "Alembic": ", ".join(found.configuration),
        "locations": ", ".join(found.locations),
        "history": f"{_count(found.revisions, 'revision')}, head{'' if len(found.heads) == 1 else 's'}: {heads}",
        "validate": f"{faults}: `seachange migration.validate` lists them" if found.errors or found.warnings else "no faults",
        found.environment_file: "; ".join([", ".join(found.kind.traits), *_variables(found)]),
        "models": _models(found),
        "database": found.database,
    }
    width = max(len(name) for name in rows)
    return [f"{name.ljust(width)}  {text}" for name, text in rows.items()]


def _variables(found: Found) -> list[str]:
    return [f"reads {', '.join(found.kind.variables)}"] if found.kind.variables else []


def _models(found: Found) -> str:
    kind = found.kind
    if not kind.models:
        return "target_metadata of env.py, computed when it is needed"
    if kind.beside:
        return f"target_metadata of env.py: {kind.models}, with the tables of {', '.join(kind.beside)}"
    return kind.models


def proposal_lines(proposals: Iterable[Proposal], marks: Marks, *, dry_run: bool) -> list[str]:
    """Return what became of each file, or would."""
    listed = list(proposals)
    lines = []
    for proposal in listed:
        words = _WORDS[proposal.action][1 if dry_run else 0]
        mark = "info" if dry_run or proposal.action == "keep" else "done"
        lines.append(f"{marks.mark(mark)}{proposal.file} {words}: {proposal.note}")
    if all(proposal.change is None for proposal in listed):
        lines.append(f"{marks.mark('done')}nothing to do: Seachange is here already")
    elif not dry_run:
        lines.append("next: `invoke migration.validate`, `invoke migration.status`, `nox -s migrations`; docs/adopt.md goes on")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
