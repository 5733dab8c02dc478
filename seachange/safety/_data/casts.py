"""Values that a new type does not take: failing casts, too long, out of range, labels that are gone, and what is rounded away."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from seachange.postgres.catalog import qualified
from seachange.safety._data.probing import Cast, failing_rows
from seachange.safety._data.reading import MOST, Matched, Reader
from seachange.safety._data.texts import literal
from seachange.safety._data.told import Answer
from seachange.safety._data.values import Layer, Source, TypeChange
from seachange.safety._look import NotCheckedError

__all__ = ["type_answers"]

_NEW = "seachange_new"
_SIZED = re.compile(r"(?P<name>character varying|character|bit varying|bit|numeric)\((?P<size>-?\d+)(?:,(?P<scale>-?\d+))?\)")
_INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
_NUMBERS = re.compile(r"smallint|integer|bigint|numeric.*|real|double precision")
_TEXTS = re.compile(r"text|character varying.*|character.*|bpchar|name|citext|public\.citext")
_TIMES = re.compile(r"date|time(?:stamp)?(?:\(\d\))? with(?:out)? time zone|interval.*")
# format_type's own words, less their sizes, are what these take without a look at any value.
_TAKES_ALL = re.compile(r"text|character varying|bpchar")


_NAMED = """
SELECT pg_catalog.format_type(t.oid, NULL), ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e
       WHERE e.enumtypid = CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END ORDER BY e.enumsortorder)
FROM pg_catalog.pg_type t WHERE t.oid = pg_catalog.to_regtype(%s)::oid
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Change:
    """A change of type with what the database knows of it: the old type and the new one, as format_type writes them.

    Where USING makes the new values, ``source`` has them, before they are cast, as a column of their own.
    """

    reader: Reader
    probe: TypeChange
    source: Source
    table: str
    old: str = ""
    new: str = ""

    @property
    def column(self) -> str:
        return qualified(self.probe.column)

    @property
    def value(self) -> str:
        return _NEW if self.probe.using else self.column

    @property
    def sized(self) -> re.Match[str] | None:
        return _SIZED.fullmatch(self.probe.type)

    def matching(self, condition: str) -> Matched:
        return self.reader.matching(self.source, condition)

    def answer(self, matched: Matched, words: str, *, code: str) -> Answer:
        fact = f"{matched.number('value')} of {self.column} {words}"
        remedy = "correct them in an UPDATE before, or say in USING what becomes of them"
        return Answer(table=self.table, fact=fact, matched=matched, remedy=remedy, code=code)


def type_answers(reader: Reader, source: Source, probe: TypeChange) -> Iterator[Answer]:
    """Yield the values that the new type does not take, or not whole.

    :param reader: asks the database.
    :param source: whose rows.
    :param probe: the change.
    :raises NotCheckedError: they could not be looked at.
    """
    shape = reader.shape(source.table)
    if probe.using:
        layer = Layer(alias=source.alias, values={_NEW: f"({probe.using})"})
        source = dataclasses.replace(source, layers=(*source.layers, layer))
    old = shape.types.get(probe.column, "")
    change = _Change(reader=reader, probe=probe, source=source, table=shape.qualified, old=old, new=probe.base)
    if probe.labels is not None:
        yield from _labels(change, probe.labels)
    elif probe.base:
        yield from _domain(change)
    else:
        yield from _existing(change)


def _existing(change: _Change) -> Iterator[Answer]:
    probe = change.probe
    known = change.reader.rows(_NAMED, probe.type)
    if not known:
        raise NotCheckedError(f"there is no type {probe.type}", sqlstate="42704")
    name, labels = known[0]
    if labels:
        yield from _labels(change, (*labels, *probe.added))
        return
    change = dataclasses.replace(change, new=name)
    answer = None if _takes_all(change) else _refused(change)
    if answer is not None:
        yield answer
        return
    too_large = tuple(_too_large(change, change.sized)) if change.sized is not None else ()
    yield from too_large or _rounded(change)


def _takes_all(change: _Change) -> bool:
    """Whether the new type, size aside, takes every value of the old one, so that no row needs to be looked at."""
    if change.probe.using:
        return False
    wider = list(_INTEGERS)
    if change.old in wider and change.new in wider:
        return wider.index(change.old) <= wider.index(change.new)
    same = change.new == change.old.partition("(")[0]
    return same or bool(_TAKES_ALL.fullmatch(change.new)) or (change.new == "numeric" and change.old in _INTEGERS)


def _refused(change: _Change) -> Answer | None:
    if not change.probe.using and change.new in _INTEGERS and _NUMBERS.fullmatch(change.old):
        bound = _INTEGERS[change.new]
        matched = change.matching(f"round({change.value}::numeric) NOT BETWEEN {-bound} AND {bound - 1}")
        words, code = f"{_be(matched)} out of the range of {change.new}", "SC806"
    else:
        plain = not change.probe.using and bool(_TEXTS.fullmatch(change.old))
        matched = failing_rows(change.reader, change.source, cast=Cast(change.value, change.new, plain))
        words, code = f"cannot become {change.new}", "SC805"
    return change.answer(matched, words, code=code) if matched.count else None


def _labels(change: _Change, labels: tuple[str, ...]) -> Iterator[Answer]:
    listed = ", ".join(map(literal, labels)) or "NULL"
    values = f"unnest({change.value}::text[])" if change.probe.type.endswith("[]") else f"{change.value}::text"
    condition = f"{values} NOT IN ({listed})"
    if change.probe.type.endswith("[]"):
        condition = f"EXISTS (SELECT FROM {values} AS u (label) WHERE u.label NOT IN ({listed}))"
    matched = change.matching(condition)
    if matched.count:
        rows = change.reader.item(change.source).sql
        found = change.reader.rows(
            f"SELECT DISTINCT label FROM (SELECT {values} AS label FROM {rows} WHERE {condition} LIMIT {MOST}) AS found"
            f" WHERE label NOT IN ({listed}) ORDER BY label"
        )
        names = ", ".join(literal(label) for (label,) in found)
        words = f"{'is' if matched.count == 1 else 'are'} no label of {change.probe.type}: {names}"
        remedy = "give them another label in an UPDATE before, or map it in USING"
        yield dataclasses.replace(change.answer(matched, words, code="SC611"), remedy=remedy)


def _domain(change: _Change) -> Iterator[Answer]:
    """The domain is new itself: its base takes the values, and each of its checks has to be true of them."""
    failing = failing_rows(change.reader, change.source, cast=Cast(change.value, change.probe.base, plain=False))
    if failing.count:
        yield change.answer(failing, f"cannot become {change.probe.base}", code="SC805")
        return
    value = Layer(alias=change.source.alias, values={"value": f"{change.value}::{change.probe.base}"})
    layered = dataclasses.replace(change.source, layers=(*change.source.layers, value))
    for text in change.probe.checks:
        matched = change.reader.matching(layered, f"({text}) IS FALSE")
        if matched.count:
            words = f"{'does' if matched.count == 1 else 'do'} not fulfil {text}, as {change.probe.type} wants it"
            yield change.answer(matched, words, code="SC803")


def _too_large(change: _Change, sized: re.Match[str]) -> Iterator[Answer]:
    kind, size, probe = sized["name"], int(sized["size"]), change.probe
    old = _SIZED.fullmatch(change.old)
    if not probe.using and old and old["name"] == kind and int(old["size"]) <= size and old["scale"] == sized["scale"]:
        return
    if kind == "numeric":
        scale = int(sized["scale"] or 0)
        number = f"{change.value}::numeric"
        matched = change.matching(f"{number} <> 'NaN' AND abs(round({number}, {scale})) >= 10::numeric ^ {size - scale}")
        if matched.count:
            yield change.answer(matched, f"{_be(matched)} too large for {probe.type}", code="SC806")
        return
    if kind.startswith("bit"):
        matched = change.matching(f"length({change.value}::bit varying) {'<>' if kind == 'bit' else '>'} {size}")
    else:
        # Spaces beyond the length are cut off without a word, as the standard wants it.
        matched = change.matching(f"rtrim(substr({change.value}::text, {size + 1}), ' ') <> ''")
    if matched.count and probe.explicit:
        # An explicit cast cuts off in silence what an assignment refuses.
        answer = change.answer(matched, f"{_be(matched)} longer than {size} and will be cut off", code="SC609")
        yield dataclasses.replace(answer, outcome="loses")
    elif matched.count:
        yield change.answer(matched, f"{_be(matched)} longer than {size}", code="SC806")


def _rounded(change: _Change) -> Iterator[Answer]:
    """Values that the new type takes, but not whole: digits, fractions, times of a day."""
    target = change.probe.type
    if change.probe.using or change.old == target or not _may_round(change):
        return
    matched = change.matching(f"({change.column}::{target})::{change.old} IS DISTINCT FROM {change.column}")
    if matched.count:
        answer = change.answer(matched, f"{_be(matched)} rounded or cut", code="SC609")
        yield dataclasses.replace(answer, outcome="loses")


def _may_round(change: _Change) -> bool:
    if _NUMBERS.fullmatch(change.old) and _NUMBERS.fullmatch(change.new):
        whole = change.new == "double precision" or (change.new == "numeric" and change.sized is None)
        return change.old not in _INTEGERS and not whole
    times = _TIMES.fullmatch(change.old) and _TIMES.fullmatch(change.new)
    return bool(times) and (change.new == "date" or change.new.startswith("time ") or "(" in change.probe.type)


def _be(matched: Matched) -> str:
    return "is" if matched.count == 1 else "are"
