"""Which findings of a verification a run has brought about, and which were there before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seachange.errors import StatementFailedError
from seachange.plan import Finding
from seachange.workflow.run import Run
from seachange.workflow.standing import Standing

if TYPE_CHECKING:
    from seachange.postgres.shadow import Shadow

__all__ = ["brought_about"]


def brought_about(run: Run, findings: Iterable[Finding], *, before: Standing) -> tuple[Finding, ...]:
    """Return the errors among findings that were not there before the run moved the database.

    Drift of before is that of the catalogue as it was then; models and rows were looked at before.

    :param run: the run.
    :param findings: what verifying found.
    :param before: where the database stood.
    :raises SeachangeError: the history of before cannot be built on a throwaway server, or the models could not be compared.
    """
    from seachange.revisions.shadow_history import open_shadow

    if before.not_compared:
        raise StatementFailedError(before.not_compared)
    errors = [finding for finding in findings if finding.severity == "error"]
    known = {(finding.code, finding.message) for finding in before.findings}
    if any(finding.code == "drift" for finding in errors):
        run.progress("looking which findings were there before")
        with open_shadow(run.settings, run.history, revisions=before.current, major=run.server.major) as shadow:
            known |= _drift(run, shadow, before)
    return tuple(finding for finding in errors if (finding.code, finding.message) not in known)


def _drift(run: Run, shadow: Shadow, before: Standing) -> set[tuple[str, str]]:
    from seachange.postgres.catalog import diff
    from seachange.revisions.shadow_history import catalog_at

    expected = catalog_at(shadow, run.history, before.current, settings=run.settings)
    actual = next(iter(before.catalogs.values()))
    return {("drift", difference.sentence) for difference in diff(expected, actual)}
