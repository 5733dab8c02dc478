"""What is wrong with a history, found without a database and without running a revision."""

from __future__ import annotations

from seachange.plan import Finding
from seachange.revisions import _file_rules, _graph_rules
from seachange.revisions.history import History

__all__ = ["validate"]


def validate(history: History) -> tuple[Finding, ...]:
    """Return every fault of the history: of files that cannot be read first, then of the order, then of single revisions.

    :param history: as :func:`seachange.revisions.history.read_history` returned it.
    """
    rules = (*_graph_rules.RULES, *_file_rules.RULES)
    return (*history.findings, *(finding for rule in rules for finding in rule(history)))
