"""Where the database and the history stand: status and the list of revisions."""

from __future__ import annotations

import dataclasses
from typing import Any

from seachange.plan import Finding
from seachange.workflow.gates import closed
from seachange.workflow.run import Run
from seachange.workflow.runs import later_run_here, latest_run

__all__ = ["MigrationStatus", "RevisionState", "read_status", "revision_states"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionState:
    """One revision and whether the database has it; ``gate`` says which release it still waits for."""

    revision: str
    title: str
    location: str
    created: str
    applied: bool
    file: str
    requires_release: str = ""
    gate: str = ""

    @property
    def state(self) -> str:
        """Applied, pending, or pending with the release that is required before."""
        waiting = f"pending (requires {self.requires_release})" if self.gate else "pending"
        return "applied" if self.applied else waiting


@dataclasses.dataclass(frozen=True, kw_only=True)
class MigrationStatus:
    """Where the database stands against the history and the models."""

    database: str
    server: str
    current: tuple[str, ...]
    heads: tuple[str, ...]
    applied: int
    pending: tuple[RevisionState, ...]
    findings: tuple[Finding, ...]
    last_run: dict[str, Any]
    last_run_here: dict[str, Any]


def revision_states(run: Run) -> tuple[RevisionState, ...]:
    """Return every revision in order, with whether the database has it."""
    from seachange.workflow.steps._check import require_known

    current = run.current()
    require_known(run, current)
    pending = {revision.revision for revision in run.history.between(current, run.history.heads)}
    root = run.settings.root
    gates = {gate.revision: gate.reason for gate in closed(run, pending)}
    return tuple(
        RevisionState(
            revision=revision.revision,
            title=revision.title,
            location=revision.location,
            created=revision.created.strftime("%Y-%m-%d %H:%M:%S") if revision.created else "",
            applied=revision.revision not in pending,
            file=str(revision.path.relative_to(root) if revision.path.is_relative_to(root) else revision.path),
            requires_release=revision.requires_release,
            gate=gates.get(revision.revision, ""),
        )
        for revision in run.history.revisions
    )


def read_status(run: Run) -> MigrationStatus:
    """Return the status: applied, pending, heads, drift, last run."""
    from seachange.workflow.repair import history_findings
    from seachange.workflow.steps._verify import find_differences

    states, last = revision_states(run), latest_run(run)
    return MigrationStatus(
        database=run.database.redacted,
        server=run.server.version_text,
        current=run.current(),
        heads=run.history.heads,
        applied=sum(state.applied for state in states),
        pending=tuple(state for state in states if not state.applied),
        findings=(*find_differences(run), *history_findings(run)),
        last_run=last,
        last_run_here=later_run_here(run, last),
    )
