"""Rewrite the unsafe operations of a revision into their online form: a pure function of its text and its trace."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from seachange.safety._fixes import columns, constraints, expand, indexes, nullability, uniques
from seachange.safety._fixes.chain import Chain
from seachange.safety._fixes.measure import Held, Measure, held, measure
from seachange.safety._fixes.source import Source, Statement
from seachange.safety._fixes.steps import Backfill, Known, NotFixableError, Rewrite
from seachange.safety.facts import RevisionFacts

__all__ = ["Backfill", "Held", "Left", "Measure", "Part", "Rewritten", "measure", "remaining", "rewrite"]

_Fixer = Callable[[Statement, Known], Rewrite | None]

_FIXERS: Mapping[str, tuple[_Fixer, ...]] = {
    "add_column": (columns.add_without_work,),
    "alter_column": (expand.change_type, expand.rename_column, nullability.prove_not_null),
    "create_check_constraint": (constraints.validate_later,),
    "create_foreign_key": (constraints.validate_later,),
    "create_index": (indexes.build_concurrently,),
    "create_primary_key": (uniques.unique_by_index,),
    "create_unique_constraint": (uniques.unique_by_index,),
    "drop_index": (indexes.drop_concurrently,),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """A revision that follows the one that was rewritten; ``text`` still has the header of that one, but for title and labels.

    A part with a ``backfill`` has no text: it changes rows in batches.
    """

    title: str
    text: str = ""
    backfill: Backfill | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Left:
    """A statement that stays dangerous; ``why`` says why it was not rewritten, ``manual`` what a person can do."""

    line: int
    code: str
    why: str
    manual: str
    file: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rewritten:
    """The revision in its online form.

    :param text: the file of the revision itself; as it was when nothing is to be done.
    :param parts: the revisions that follow it.
    :param said: sentences on what is different.
    :param left: what could not be rewritten.
    :param later: SQL of a revision that is left to a later time; only with it the schema is that of the revision as it is.
    :param keeps: SQL of code that runs now, goes on running with the new form, and fails after the revision as it is.
    """

    text: str
    parts: tuple[Part, ...] = ()
    said: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()
    later: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()


def rewrite(text: str, facts: RevisionFacts, *, major: int, width: int = 88) -> Rewritten:
    """Return a revision in its online form.

    :param text: its file.
    :param facts: what the trace of its upgrade has shown, with the catalogue before and after it.
    :param major: the server's version that it is written for.
    :param width: the longest line of new code.
    :raises ValueError: the file cannot be read, or the trace has no catalogue.
    """
    if facts.before is None or facts.after is None:
        raise ValueError("the trace has no catalogue")
    known = Known(source=Source(text), facts=facts, before=facts.before, after=facts.after, major=major, width=width)
    rewrites: dict[int, Rewrite] = {}
    left: list[Left] = []
    for at, statement in enumerate(known.source.upgrade):
        try:
            if (made := _rewritten(statement, known)) is not None:
                rewrites[at] = made
        except NotFixableError as exc:
            left.append(_left(statement, exc))
    if not rewrites:
        return Rewritten(text=text, left=tuple(left))
    first, *groups = Chain(known.source, rewrites).groups()
    parts = [
        Part(title=group.title, backfill=group.backfill)
        if group.backfill
        else Part(title=group.title, text=known.source.another(group.title, group.up_code, group.down_code))
        for group in groups
    ]
    said = tuple(sentence for made in rewrites.values() for sentence in made.said)
    return Rewritten(
        text=known.source.changed(first.up, first.down),
        parts=tuple(parts),
        said=said,
        left=tuple(left),
        later=tuple(sql for made in rewrites.values() for sql in made.later),
        keeps=tuple(made.keeps for made in rewrites.values() if made.keeps),
    )


def remaining(text: str, facts: RevisionFacts, *, known: tuple[Left, ...] = ()) -> tuple[Left, ...]:
    """Return the statements of a revision that do long work while others wait, and why they are not rewritten.

    :param text: its file.
    :param facts: its trace.
    :param known: those of which the reason was found already.
    """
    from seachange.safety._fixes.reasons import reason_for

    lines = {
        statement.line
        for statement, modes in held(facts)
        if statement.long_work() and any(mode.blocks_writers for mode in modes.values())
    }
    found = {each.line: each for each in known}
    for statement in Source(text).upgrade:
        if any(statement.first <= line <= statement.last for line in lines) and statement.first not in found:
            found[statement.first] = _left(statement, reason_for(statement))
    return tuple(found[line] for line in sorted(found))


def _rewritten(statement: Statement, known: Known) -> Rewrite | None:
    for fixer in _FIXERS.get(statement.meaning, ()):
        if (made := fixer(statement, known)) is not None:
            return made
    return None


def _left(statement: Statement, why: NotFixableError) -> Left:
    line, _, rest = statement.code.partition("\n")
    return Left(line=statement.first, code=f"{line} ..." if rest else line, why=why.reason, manual=why.manual)
