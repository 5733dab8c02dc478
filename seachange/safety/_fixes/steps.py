"""What becomes of one statement: what stands in its place, and the steps that follow in revisions of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from seachange.postgres.catalog import Catalog, Table, qualified
from seachange.safety._fixes.source import Source, Statement
from seachange.safety.facts import RevisionFacts, StatementFacts

if TYPE_CHECKING:
    from seachange.postgres.catalog import Column

__all__ = ["Backfill", "Known", "NotFixableError", "Rewrite", "Step", "StepKind", "commented", "key_of"]

StepKind = Literal["ddl", "validate", "concurrent", "backfill"]


class NotFixableError(Exception):
    """Why a statement cannot be rewritten, and what a person can do instead.

    :param reason: why.
    :param manual: what to do by hand.
    """

    def __init__(self, reason: str, *, manual: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.manual = manual


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backfill:
    """A revision that changes rows in batches; everything is SQL with its quotes.

    :param table: the table.
    :param key: the columns of its primary key.
    :param change: what stands after SET.
    :param rows: which rows.
    """

    table: str
    key: tuple[str, ...]
    change: str
    rows: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """Statements that run together, as code at the left margin; ``title`` says what they do, for a docstring and a file name."""

    kind: StepKind
    title: str
    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    backfill: Backfill | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rewrite:
    """What becomes of one statement.

    :param here: code in its place; None when all of it moves into steps.
    :param steps: what follows, in order, each in a transaction after the one before.
    :param undone: statements of the downgrade that go, because the steps bring their own.
    :param back: code in their place.
    :param names: names that later statements may rely on; if one does, the steps come before it.
    :param later: SQL of a revision that is left to a later time, when running code is ready.
    :param keeps: SQL of code that runs now, and fails after the revision as it is.
    :param key_of: the table that it gives a new key, to which later statements may refer.
    :param said: sentences on what is different now.
    """

    here: tuple[str, ...] | None
    steps: tuple[Step, ...]
    undone: tuple[Statement, ...] = ()
    back: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    key_of: str = ""
    later: tuple[str, ...] = ()
    keeps: str = ""
    said: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """What the trace of the revision as it is has shown, and for which server it is rewritten."""

    source: Source
    facts: RevisionFacts
    before: Catalog
    after: Catalog
    major: int
    width: int

    def table(self, name: str, schema: str = "", *, after: bool = False) -> Table | None:
        """Return a table that was there before the revision, or is there after it; None when there is none.

        :param name: its name, with its schema or without.
        :param schema: its schema, if it is written.
        :param after: whether to look at the catalogue after the revision.
        """
        tables = (self.after if after else self.before).tables
        owner, _, bare = name.rpartition(".")
        wanted = schema or owner
        found = [each for each in tables if each.name == bare and each.schema == (wanted or each.schema)]
        return min(found, key=lambda each: each.schema != "public", default=None)

    def column(self, table: Table, name: str) -> Column | None:
        """Return a column of a table."""
        return next((column for column in table.columns if column.name == name), None)

    def at(self, statement: Statement) -> tuple[StatementFacts, ...]:
        """Return what the lines of a statement did."""
        return tuple(each for each in self.facts.statements if statement.first <= each.line <= statement.last)

    def partitions(self, table: Table) -> tuple[Table, ...]:
        """Return the partitions of a table that hold rows themselves."""
        found: list[Table] = []
        for each in self.before.tables:
            if each.partition_bound and table.qualified in each.inherits:
                found += self.partitions(each) if each.partition_key else [each]
        return tuple(found)

    def undoing(self, **wanted: Any) -> tuple[Statement, ...]:
        """Return the statements of the downgrade that call the operation ``op`` with these arguments and no loop around it."""
        return tuple(each for each in self.source.downgrade if _is(each, wanted))


def _is(statement: Statement, wanted: Mapping[str, Any]) -> bool:
    return all((statement.meaning if name == "op" else statement.arguments.get(name)) == value for name, value in wanted.items())


def commented(statement: Statement, code: str) -> str:
    """Return code with the comments of the statement that it comes from."""
    remark = statement.remark
    if remark and code.startswith("with "):
        return "\n".join([*statement.comments, remark, code])
    return "\n".join([*statement.comments, f"{code}  {remark}" if remark else code])


def key_of(table: Table) -> tuple[str, ...]:
    """Return the columns of a primary key, quoted.

    :raises NotFixableError: there is none.
    """
    if table.primary_key is None:
        raise NotFixableError(
            f"{table.qualified} has no primary key, so its rows cannot be changed in batches",
            manual="give the table a primary key first",
        )
    return tuple(qualified(name) for name in table.primary_key.columns)
