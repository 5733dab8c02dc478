"""On whose behalf a run changes a database: the ledger that it writes to, with who, what and which commit."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from seachange.plan import Finding
from seachange.workflow._git import commit
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.revisions.ledger import Ledger, Origin

__all__ = ["actor_of", "make_ledger", "open_ledger", "origin_of", "unwritten"]

# Who started a job, as the CI systems say it.
_ACTORS = (
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILDKITE_BUILD_AUTHOR",
    "CIRCLE_USERNAME",
    "BUILD_REQUESTEDFOR",
    "BUILD_USER_ID",
)


def open_ledger(run: Run) -> Ledger | None:
    """Return what the run writes its history to; None when setting ``history`` is off."""
    return make_ledger(run) if run.settings.history else None


def make_ledger(run: Run) -> Ledger:
    """Return what the run writes its history to, also when setting ``history`` is off."""
    from seachange.revisions.ledger import Ledger

    return Ledger(run.history, origin=origin_of(run))


def origin_of(run: Run) -> Origin:
    """Return which run this is."""
    from seachange import __version__
    from seachange.revisions.ledger import Origin

    head, dirty = commit(run.settings.root, run.history.locations)
    return Origin(
        run_id=run.run_id,
        command=run.command,
        actor=actor_of(run.settings.environment),
        tool_version=__version__,
        git_commit=head,
        git_dirty=dirty,
        allowed="; ".join(map(str, run.options.get("allow") or ())) or None,
    )


def actor_of(environment: Mapping[str, str]) -> str:
    """Return who runs this: the name that a CI system gives, else user@host."""
    host = socket.gethostname()
    for variable in _ACTORS:
        if environment.get(variable):
            return f"{environment[variable]}@{host}"
    try:
        return f"{getpass.getuser()}@{host}"
    except (KeyError, OSError):  # a container may run as a user that no file names
        return f"unknown@{host}"


def unwritten(ledger: Ledger | None) -> tuple[Finding, ...]:
    """Return a warning when the ledger could not be written."""
    if ledger is None or not ledger.problem:
        return ()
    hint = "docs/history.md has the SQL for an administrator; `history = false` in [tool.seachange] turns the history off"
    return (Finding(code="history-not-written", severity="warning", message=ledger.problem, hint=hint),)
