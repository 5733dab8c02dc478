"""What is wrong with a history, found without a database and without running a revision."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from seachange.plan import Finding
from seachange.revisions import _file_rules, _graph_rules
from seachange.revisions._revision import Revision
from seachange.revisions.codes import STRUCTURAL
from seachange.revisions.history import History

__all__ = ["soften", "validate"]


def validate(history: History, *, since: str = "") -> tuple[Finding, ...]:
    """Return every fault of the history: of files that cannot be read first, then of the order, then of single revisions.

    :param history: as :func:`seachange.revisions.history.read_history` returned it.
    :param since: the last revision of an old history: what is wrong inside it and those before it is a warning at most.
    :raises RevisionUnknownError: ``since`` is in no file.
    """
    rules = (*_graph_rules.RULES, *_file_rules.RULES)
    found = (*history.findings, *(finding for rule in rules for finding in rule(history)))
    if not since:
        return found
    return soften(found, history, history.ancestors((history.find(since).revision,)))


def soften(findings: Iterable[Finding], history: History, revisions: Iterable[Revision]) -> tuple[Finding, ...]:
    """Return findings, with errors inside of ``revisions`` as warnings; what breaks the order stays an error.

    :param findings: those of :func:`validate`.
    :param history: the revisions in the files.
    :param revisions: those that were run long ago.
    """
    done = {history.relative(revision.path) for revision in revisions}
    return tuple(
        dataclasses.replace(finding, severity="warning")
        if finding.severity == "error" and finding.file in done and finding.code not in STRUCTURAL
        else finding
        for finding in findings
    )
