"""Timeouts in force at each statement, and whether the revision itself set them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from seachange.safety import parsing
from seachange.safety.facts import RevisionFacts, StatementFacts
from seachange.safety.rules._acts import Act, acts_of

__all__ = ["InForce", "in_force", "milliseconds", "settings_of"]

_DURATION = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*")
_UNITS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclasses.dataclass(frozen=True, kw_only=True)
class InForce:
    """A parameter at the start of a statement: its value, "" when nobody knows, and what of the revision set it."""

    statement: StatementFacts
    value: str
    setter: Act | None

    @property
    def milliseconds(self) -> float | None:
        """The value as a duration."""
        return milliseconds(self.value)


def milliseconds(value: str) -> float | None:
    """Return a duration as PostgreSQL shows or takes it; None for what is none.

    :param value: such as ``2s``, ``300ms``, ``0``; a bare number counts milliseconds.
    """
    found = _DURATION.fullmatch(value)
    return float(found[1]) * _UNITS[found[2] or "ms"] if found else None


def settings_of(act: Act) -> tuple[str, str, bool] | None:
    """Return the parameter that an act sets, its value, "" for the default, and whether that ends with the transaction."""
    if act.kind == "VariableSetStmt":
        value = _constant(act.node.args[0]) if act.node.args else ""
        return act.node.name.lower(), value, bool(act.node.is_local)
    if act.kind == "SelectStmt":
        for call in parsing.find(act.node, "FuncCall"):
            if parsing.names(call.funcname)[-1:] == ("set_config",) and len(call.args) == 3:
                name, value = _constant(call.args[0]), _constant(call.args[1])
                return name.lower(), value, bool(call.args[2].a_const.boolval.boolval)
    return None


def in_force(revision: RevisionFacts, name: str) -> Iterator[InForce]:
    """Yield what a parameter was at the start of each statement of a revision.

    :param revision: its facts.
    :param name: such as ``lock_timeout``.
    """
    setter: Act | None = None
    value = ""
    local_to: int | None = None
    for statement in revision.statements:
        if local_to is not None and statement.transaction != local_to:
            setter, value, local_to = None, "", None
        yield InForce(statement=statement, value=statement.settings.get(name, value), setter=setter)
        for act in acts_of(revision, statement):
            found = settings_of(act)
            if found and found[0] == name:
                _, value, local = found
                setter, local_to = (act if value else None), (statement.transaction if local else None)


def _constant(node: parsing.Node) -> str:
    constant = node.a_const
    which = constant.WhichOneof("val")
    if which == "sval":
        return str(constant.sval.sval)
    if which == "ival":
        return str(constant.ival.ival)
    return str(constant.fval.fval) if which == "fval" else ""
