"""The checks of one revision as they are collected, each with what makes its answer doubtful."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from seachange.safety._data.picture import Doubt, Picture, Place
from seachange.safety._data.values import DataCheck, Probe, Source
from seachange.safety.facts import RevisionFacts, StatementFacts

__all__ = ["Asking"]


class Asking:
    """Collects the checks of one revision.

    :param picture: what the statements so far do to the tables.
    :param facts: the revision.
    """

    def __init__(self, picture: Picture, facts: RevisionFacts) -> None:
        self.picture = picture
        self.checks: list[DataCheck] = []
        self.statement = StatementFacts(sql="")
        self._facts = facts
        self._doubt: Doubt | None = None

    def index_columns(self, table: str, index: str) -> tuple[str, ...]:
        """Return the columns of an index that is there, or was made by an earlier statement; none when nobody knows them."""
        tables = self._facts.before.tables if self._facts.before is not None else ()
        known = {one.name: one.columns for each in tables if each.qualified == table for one in each.indexes}
        return tuple(filter(None, self.picture.indexes.get(index) or known.get(index, ())))

    @contextlib.contextmanager
    def doubting(self, doubt: Doubt | None) -> Iterator[None]:
        """Let the checks that are asked in the block have a reason for doubt besides their own."""
        self._doubt = doubt
        try:
            yield
        finally:
            self._doubt = None

    def begin(self, statement: StatementFacts) -> None:
        """Go on to the next statement."""
        self.statement = statement
        path = tuple(part.strip().strip('"') for part in statement.settings.get("search_path", "").split(","))
        schemas = tuple(part for part in path if part and not part.startswith(("$", "pg_")))
        self.picture.begin(Place(self._facts.revision, statement.where, schemas), catalog=self._facts.before)

    def ask(
        self,
        code: str,
        what: str,
        *,
        table: str,
        alias: str,
        probe: Probe,
        columns: Iterable[str] | None = None,
        only: bool = False,
    ) -> None:
        """Ask something of the rows of a table, unless it is new and has but the rows that the revisions give it themselves.

        :param code: of the finding.
        :param what: the operation.
        :param table: full name of the table.
        :param alias: its name without schema.
        :param probe: what is asked.
        :param columns: those that matter; all by default.
        :param only: the operation leaves out the tables that inherit.
        """
        if self.picture.is_new(table):
            return
        self._add(
            code, what, source=self.picture.source(table, alias=alias, only=only), probe=probe, table=table, columns=columns
        )

    def ask_of_type(self, code: str, what: str, *, probe: Probe) -> None:
        """Ask something of all values of a type, in whichever table."""
        self._add(code, what, source=Source(table="", alias=""), probe=probe, table="", columns=())

    def _add(self, code: str, what: str, *, source: Source, probe: Probe, table: str, columns: Iterable[str] | None) -> None:
        doubt = self.picture.doubt(table, columns) or self._doubt
        own = doubt is None or doubt.revision == self._facts.revision
        self.checks.append(
            DataCheck(
                code=code,
                revision=self._facts.revision,
                what=what,
                source=source,
                probe=probe,
                statement=self.statement.number,
                file=self.statement.file,
                line=self.statement.line,
                depends_on="" if own or doubt is None else doubt.revision,
                reason=doubt.reason if doubt else "",
            )
        )
