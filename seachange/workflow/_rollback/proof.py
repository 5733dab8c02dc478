"""Which revisions of a failed run a rehearsal of its plan has proven to be undone without loss."""

from __future__ import annotations

import dataclasses

from seachange.errors import InterruptedRunError, SeachangeError
from seachange.workflow._rollback.left import Left
from seachange.workflow.run import Run

__all__ = ["Proof", "look_up_proof"]

# What was proven on rows that are older than this says little about those of today.
_FRESH_S = 24 * 3600.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proof:
    """What is proven of the way back; ``missing`` says in one sentence what is not."""

    missing: str = ""
    rehearsed: str = ""


def look_up_proof(run: Run, left: Left) -> Proof:
    """Return whether undoing all that a run applied was rehearsed without loss.

    :param run: the run that asks.
    :param left: the run that failed.
    """
    from seachange.workflow.rehearsal import find_rehearsal

    plan_hash = left.plan_hash or _hash_of(run, left)
    if not plan_hash:
        return Proof(missing="its plan cannot be made on a throwaway server, so no rehearsal of it can be found")
    age_s = run.settings.require_rehearsal / 1000 or _FRESH_S
    rehearsal = find_rehearsal(run.settings, plan_hash, age_s)
    if rehearsal is None:
        return Proof(missing=f"no rehearsal of this plan is younger than {age_s / 3600:g} hours")
    if rehearsal.source.kind == "shadow":
        return Proof(missing=f"the rehearsal of {rehearsal.started} was on an empty copy, which proves nothing about rows")
    if rehearsal.source.rowless:
        tables = " and ".join(rehearsal.source.rowless)
        return Proof(missing=f"the rehearsal of {rehearsal.started} had no rows of {tables}, which the database has")
    verdicts = {each.revision: each.verdict for each in rehearsal.downgrades}
    for name in reversed(left.applied):
        if not rehearsal.lossless(name):
            verdict = verdicts.get(name, "not tried")
            return Proof(
                missing=f"the rehearsal of {rehearsal.started} did not prove that undoing {name} loses nothing: {verdict}"
            )
    return Proof(rehearsed=rehearsal.started)


def _hash_of(run: Run, left: Left) -> str:
    from seachange.workflow.plan import plan_between

    run.progress("looking for a rehearsal of this plan")
    try:
        return plan_between(run, left.before, target=str(run.options.get("to") or "heads")).hash
    except InterruptedRunError:
        raise
    except SeachangeError:
        return ""
