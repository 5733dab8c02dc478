"""Find out which drop and add is a rename: by what was answered, or by a question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from seachange.errors import ConfigError
from seachange.revisions._found import Thing, added_things, dropped_things
from seachange.revisions._likeness import likely
from seachange.revisions._rename_operations import RenameOp
from seachange.revisions.answers import Answers, Renaming
from seachange.revisions.questions import NEW, Choice, Question

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from seachange.revisions.compare import Comparison

__all__ = ["Renames", "insert_renames"]


class Renames:
    """The renames of one new revision, found in rounds: a column of a renamed table is only seen once that has its name.

    :param answers: what was said beforehand.
    """

    def __init__(self, answers: Answers) -> None:
        self.done: list[RenameOp] = []
        self._open = list(answers.renames)
        self._settled: set[str] = set()
        self._former: dict[str, str] = {}

    def settle(self, comparison: Comparison) -> tuple[RenameOp, ...]:
        """Return the renames that were answered and are to be made before the comparison is made again.

        :param comparison: the difference that is left.
        :raises ConfigError: an answer names a column or table that is not among what is added.
        """
        operations, connection = _upgrade(comparison), comparison.connection
        dropped, added = dropped_things(operations), list(added_things(operations))
        found: list[RenameOp] = []
        for renaming in tuple(self._open):
            old = self._meant(renaming, dropped, connection)
            if old is None:
                continue
            self._open.remove(renaming)
            self._settled.add(old.full)
            if (new := _wanted(renaming, old, added, default=str(connection.dialect.default_schema_name))) is not None:
                added.remove(new)
                found.append(_operation(old, new))
                self._former |= {new.full: old.full} if old.kind == "table" else {}
        self.done += found
        return tuple(found)

    def questions(self, comparison: Comparison) -> tuple[Question, ...]:
        """Return what nobody has answered: drops beside adds that may be one thing."""
        operations = _upgrade(comparison)
        added = added_things(operations)
        found = []
        for old in dropped_things(operations):
            candidates = likely(old, added, comparison.connection) if old.full not in self._settled else ()
            if candidates:
                found.append(_question(old, candidates, comparison.connection))
        return tuple(found)

    def require_used(self) -> None:
        """Refuse answers that are about nothing in this change.

        :raises ConfigError: naming the first of them.
        """
        if self._open:
            first = self._open[0]
            what = f"question {first.id}" if first.id else f"column or table {first.old}"
            raise ConfigError(
                f"{first.where}: this change has no {what}" + ("" if first.id else " that is dropped"),
                hint="leave it out: the answer is stale or misspelt; `invoke migration.generate --dry-run` shows the change",
            )

    def _meant(self, renaming: Renaming, dropped: tuple[Thing, ...], connection: Connection) -> Thing | None:
        default = str(connection.dialect.default_schema_name)
        if renaming.id:
            return next((each for each in dropped if _id(each) == renaming.id), None)
        found = [each for each in dropped if renaming.old in self._spellings(each, default)]
        if len(found) > 1:
            names = " and ".join(f"{each.kind} {default}.{each.full}" for each in found)
            raise ConfigError(f"{renaming.where} may mean {names}", hint="write the name with its schema")
        return found[0] if found else None

    def _spellings(self, thing: Thing, default: str) -> frozenset[str]:
        former = self._former.get(thing.full_table, "")
        by_old_table = {f"{former}.{thing.name}"} if former and thing.kind == "column" else set()
        return thing.spellings(default) | by_old_table


def insert_renames(renames: Iterable[RenameOp], comparison: Comparison) -> None:
    """Put renames before everything else of the upgrade, and undo them last.

    :param renames: in the order in which they were made.
    :param comparison: what is to be done after them; changed in place.
    """
    from seachange.revisions._enum_operations import EnumOp

    done = list(renames)
    upgrade, downgrade = comparison.script.upgrade_ops_list[-1], comparison.script.downgrade_ops_list[-1]
    # A block in autocommit commits what precedes it, so labels that are added there stay first.
    labels = [each for each in upgrade.ops if isinstance(each, EnumOp) and each.autocommit]
    rest = [each for each in upgrade.ops if each not in labels]
    upgrade.ops = [*labels, *done, *rest]
    downgrade.ops = [*downgrade.ops, *(each.reverse() for each in reversed(done))]


def _upgrade(comparison: Comparison) -> list[Any]:
    return [operation for part in comparison.script.upgrade_ops_list for operation in part.ops]


def _wanted(renaming: Renaming, old: Thing, added: list[Thing], *, default: str) -> Thing | None:
    """Return what ``old`` became; None when it is said to be no rename."""
    place = [each for each in added if each.kind == old.kind and each.schema == old.schema]
    possible = [each for each in place if old.kind == "table" or each.table == old.table]
    for each in possible:
        if renaming.new == each.name or renaming.new in each.spellings(default):
            return each
    if renaming.new == NEW:
        return None
    names = ", ".join(each.name for each in possible) or "none"
    raise ConfigError(
        f"{renaming.where}: {renaming.new} is no new {old.kind}{f' of {old.full_table}' if old.kind == 'column' else ''}",
        hint=f"{old.full} may be renamed to one of: {names}; or answer {NEW} when it is no rename",
    )


def _operation(old: Thing, new: Thing) -> RenameOp:
    return RenameOp(old.kind, old.name, new.name, table=old.table if old.kind == "column" else "", schema=old.schema)


def _id(thing: Thing) -> str:
    return f"rename-{thing.kind}:{thing.full}"


def _question(old: Thing, candidates: tuple[Thing, ...], connection: Connection) -> Question:
    names = tuple(each.name for each in candidates)
    return Question(
        id=_id(old),
        kind="rename-column" if old.kind == "column" else "rename-table",
        table=old.full_table,
        old=old.name,
        candidates=names,
        text=f"{old.kind} {old.full}{_type(old, connection)} is gone from the models: was it renamed?",
        choices=tuple(_choices(old, candidates, connection)),
    )


def _choices(old: Thing, candidates: tuple[Thing, ...], connection: Connection) -> Iterator[Choice]:
    for each in candidates:
        yield Choice(
            answer=each.name,
            text=f"renamed to {each.full}{_type(each, connection)}, its data stays",
            flag=f"--rename {old.full}={each.name}",
        )
    text = f"no: {old.full} is dropped with its data, and what is new was created new"
    yield Choice(answer=NEW, text=text, flag=f"--rename {old.full}={NEW}")


def _type(thing: Thing, connection: Connection) -> str:
    if thing.kind == "table":
        return ""
    return f" ({thing.columns[0].type.compile(dialect=connection.dialect)})"
