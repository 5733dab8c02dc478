"""Revisions that wait for a release of the application: which release is deployed, and what that refuses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seachange.errors import ConfigError, RefusedError
from seachange.workflow._git import tags
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.revisions.release import Gate

__all__ = ["closed", "deployed_release", "require_open"]


def deployed_release(run: Run) -> str:
    """Return the release that is deployed: setting ``release``, else the newest git tag of the commit that is checked out.

    :returns: its name; empty when nobody says.
    :raises ConfigError: the setting is no release.
    """
    from seachange.revisions.release import newest, parse

    named = run.settings.release
    if named and parse(named) is None:
        raise ConfigError(f"setting release is {named!r}, which is no release", hint="write dotted numbers, such as 2.4.0")
    return named or newest(tags(run.settings.root))


def closed(run: Run, revisions: Iterable[str]) -> tuple[Gate, ...]:
    """Return which of ``revisions``, which are in files, wait for a release that is not deployed yet."""
    from seachange.revisions.release import closed_gates

    waiting = [run.history.by_id[name] for name in revisions if run.history.by_id[name].requires_release]
    return closed_gates(waiting, deployed=deployed_release(run)) if waiting else ()


def require_open(run: Run, target: str) -> tuple[str, ...]:
    """Refuse to begin a way to ``target`` on which a revision waits for a release, before anything is done.

    :param target: as for ``plan_upgrade``.
    :returns: in development and test, where nothing is refused, what would be in production.
    :raises RefusedError: naming the revision, both releases and how far it goes without.
    """
    from seachange.revisions.planning import plan_upgrade

    plan = plan_upgrade(run.history, current=run.current(), target=target)
    names = [revision.revision for revision in plan.revisions]
    found = closed(run, names)
    if not found or not run.settings.production:
        return tuple(f"{gate.sentence}; {run.settings.app_env} does not wait" for gate in found)
    first = found[0]
    before = names[: names.index(first.revision)]
    way = f"`invoke migration.apply --to {before[-1]}` applies what comes before it" if before else "nothing comes before it"
    raise RefusedError(
        f"{first.sentence}; nothing was applied",
        hint=f"{way}; SEACHANGE_RELEASE says which release is deployed, by default the newest git tag of HEAD",
    )
