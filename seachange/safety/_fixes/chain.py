"""The order of what was rewritten: as few revisions as keep every transaction free of long work under a strong lock."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from seachange.safety._fixes.source import Source, Statement
from seachange.safety._fixes.steps import Backfill, Rewrite, Step, StepKind, commented

__all__ = ["Chain", "Group"]

_ORDER: tuple[StepKind, ...] = ("ddl", "backfill", "concurrent", "validate")


@dataclasses.dataclass(kw_only=True)
class Group:
    """What one revision runs, in both directions."""

    kind: StepKind = "ddl"
    titles: list[str] = dataclasses.field(default_factory=list)
    up: list[Statement | str] = dataclasses.field(default_factory=list)
    down: list[Statement | str] = dataclasses.field(default_factory=list)
    backfill: Backfill | None = None

    @property
    def title(self) -> str:
        """What it does, in one line."""
        return self.titles[0] if len(self.titles) == 1 else f"{self.titles[0]} and {len(self.titles) - 1} more"

    @property
    def up_code(self) -> list[str]:
        """The upgrade as code."""
        return [_code(each) for each in self.up]

    @property
    def down_code(self) -> list[str]:
        """The downgrade as code."""
        return [_code(each) for each in self.down]


class Chain:
    """Statements of a revision, some of them rewritten, divided into revisions.

    :param source: the revision.
    :param rewrites: what becomes of its statements, by their place in the upgrade.
    """

    def __init__(self, source: Source, rewrites: Mapping[int, Rewrite]) -> None:
        self._source = source
        self._rewrites = rewrites
        self._groups: list[Group] = [Group(down=self._first_down())]
        self._waiting: list[Rewrite] = []

    def groups(self) -> list[Group]:
        """Return the revisions; the first takes the place of the original."""
        for at, statement in enumerate(self._source.upgrade):
            if any(self._relies(statement, rewrite) for rewrite in self._waiting):
                self._flush()
            if (rewrite := self._rewrites.get(at)) is None:
                self._keep(statement, [statement])
                continue
            if rewrite.here is not None:
                first, *more = rewrite.here
                self._keep(statement, [commented(statement, first), *more])
            self._waiting.append(rewrite)
        self._flush()
        return self._settled()

    def _first_down(self) -> list[Statement | str]:
        undone = {id(each): rewrite for rewrite in self._rewrites.values() for each in rewrite.undone}
        down: list[Statement | str] = []
        for statement in self._source.downgrade:
            rewrite = undone.get(id(statement))
            down += [statement] if rewrite is None else rewrite.back
        unmatched = [rewrite for rewrite in self._rewrites.values() if rewrite.back and not rewrite.undone]
        # What nobody undoes in the original is undone before all else, as the last thing that was done.
        return [*(code for rewrite in reversed(unmatched) for code in rewrite.back), *down]

    def _plain(self) -> Group:
        if self._groups[-1].kind != "ddl":
            title = self._groups[-1].title
            self._groups.append(Group(titles=[f"Go on after: {title[:1].lower()}{title[1:]}"]))
        return self._groups[-1]

    def _keep(self, statement: Statement, code: Sequence[Statement | str]) -> None:
        group = self._plain()
        group.up += code
        if group is not self._groups[0]:
            # What undoes it goes with it.
            for each in [each for each in self._groups[0].down if isinstance(each, Statement) and _undoes(each, statement)]:
                self._groups[0].down.remove(each)
                group.down.insert(0, each)

    def _relies(self, statement: Statement, rewrite: Rewrite) -> bool:
        """Whether a statement may need what is still to be done: it names it, or refers to the new key."""
        if statement.meaning == "create_foreign_key" and statement.text("referent_table") == rewrite.key_of != "":
            return True
        return any(re.search(rf"\b{re.escape(name)}\b", statement.code) for name in rewrite.names)

    def _flush(self) -> None:
        """Write the steps that wait: the first of each together, then the second of each, sorted by their kind."""
        for layer in zip_longest(*(rewrite.steps for rewrite in self._waiting)):
            steps = [step for step in layer if step is not None]
            for kind in _ORDER:
                self._append(kind, [step for step in steps if step.kind == kind])
        self._waiting = []

    def _append(self, kind: StepKind, steps: list[Step]) -> None:
        if kind == "backfill":
            self._groups += [Group(kind=kind, titles=[step.title], backfill=step.backfill) for step in steps]
        elif steps:
            made = Group(kind=kind, titles=[step.title for step in steps])
            for step in steps:
                made.up += step.up
                made.down = [*step.down, *made.down]
            self._groups.append(made)

    def _settled(self) -> list[Group]:
        """Let the first new revision take the original's place where nothing is left in that one."""
        first, *rest = self._groups
        if first.up or not rest or rest[0].backfill:
            return self._groups
        rest[0].down += first.down
        return rest


_INVERSE = {
    "add_column": "drop_column",
    "alter_column": "alter_column",
    "create_table": "drop_table",
    "drop_column": "add_column",
    "drop_index": "create_index",
    "drop_table": "create_table",
    "create_index": "drop_index",
}


def _undoes(back: Statement, statement: Statement) -> bool:
    if statement.meaning.startswith("create_") and back.meaning == "drop_constraint":
        return back.name == statement.name and back.table == statement.table
    same = (back.table, back.name, _column(back)) == (statement.table, statement.name, _column(statement))
    index = statement.meaning.endswith("index") and back.name == statement.name
    return back.meaning == _INVERSE.get(statement.meaning) and (same or index)


def _column(statement: Statement) -> str:
    return statement.text("column_name") or statement.column


def _code(part: Statement | str) -> str:
    return commented(part, part.code) if isinstance(part, Statement) else part
