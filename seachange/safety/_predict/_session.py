"""What a session has set so far, and what its transaction holds."""

from __future__ import annotations

from collections.abc import Mapping

from seachange.safety.facts import RelationLock
from seachange.safety.parsing import Node, enum_name, find, kind, names

__all__ = ["Session"]

# As the server spells them, whatever the text does.
_SPELLING = {"timezone": "TimeZone"}


class Session:
    """The settings that the text has made, and the locks of the transaction under way."""

    def __init__(self) -> None:
        self._settings: dict[str, str] = {}
        self._local: dict[str, str] = {}
        self._transaction = 0
        self._held: dict[str, RelationLock] = {}

    def enter(self, transaction: int) -> None:
        """Go on in a transaction; locks and settings of the one before are gone.

        :param transaction: its number, 0 for none.
        """
        if transaction != self._transaction or not transaction:
            self._held.clear()
            self._local.clear()
        self._transaction = transaction

    @property
    def settings(self) -> Mapping[str, str]:
        """What the text has set, as far as it is in force."""
        return {_SPELLING.get(name, name): value for name, value in (self._settings | self._local).items()}

    @property
    def held(self) -> tuple[RelationLock, ...]:
        """The locks that the transaction holds, strongest first."""
        return tuple(sorted(self._held.values(), key=lambda lock: (-lock.mode, lock.kind == "index", lock.relation)))

    def take(self, locks: tuple[RelationLock, ...]) -> tuple[RelationLock, ...]:
        """Return those of a statement's locks that its transaction does not hold yet, and hold them."""
        new = tuple(lock for lock in locks if lock.mode > self._mode(lock.relation))
        for lock in new if self._transaction else ():
            self._held[lock.relation] = lock
        return new

    def _mode(self, relation: str) -> int:
        return self._held[relation].mode if relation in self._held else 0

    def read(self, statement: Node) -> None:
        """Note what a statement sets or resets, by SET or by set_config()."""
        if kind(statement) == "VariableSetStmt":
            self._set(statement)
        elif kind(statement) == "SelectStmt":
            for call in find(statement, "FuncCall"):
                if names(call.funcname)[-1:] == ("set_config",) and len(call.args) > 1:
                    self._configure(call)

    def _set(self, statement: Node) -> None:
        what = enum_name(statement, "kind")
        name = statement.name.lower()
        if what == "VAR_SET_VALUE":
            values = ", ".join(_value(each) for each in statement.args)
            (self._local if statement.is_local else self._settings)[name] = values
        elif what in ("VAR_RESET", "VAR_SET_DEFAULT"):
            self._settings.pop(name, None)
            self._local.pop(name, None)
        elif what == "VAR_RESET_ALL":
            self._settings.clear()
            self._local.clear()

    def _configure(self, call: Node) -> None:
        local = bool(call.args[2].a_const.boolval.boolval) if len(call.args) > 2 else True
        name, value = (each.a_const.sval.sval for each in call.args[:2])
        (self._local if local else self._settings)[name.lower()] = value


def _value(node: Node) -> str:
    constant = node.a_const
    which = constant.WhichOneof("val") or ""
    if which == "ival":
        return str(constant.ival.ival)
    return str(constant.sval.sval if which == "sval" else constant.fval.fval if which == "fval" else "")
