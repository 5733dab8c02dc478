"""Changes of a schema that the code does not notice: what is added, and what is neither needed nor in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seachange.postgres.catalog import Difference, diff
from seachange.safety._compatibility.values import Case, Effect, Impact

__all__ = ["find_changes"]

_GIVING = ("table", "view", "enum", "domain", "type", "range type", "function", "schema", "extension")
_COLUMN = "column "


def find_changes(case: Case, *, told: Iterable[tuple[str, str]]) -> Iterator[Effect]:
    """Yield, for each table and column that differs, what that is.

    :param case: the code and the schemas.
    :param told: tables and columns that something was said of already.
    """
    known = set(told)
    found: dict[tuple[str, str], tuple[Impact, list[str]]] = {}
    for difference in diff(case.old.catalog, case.new.catalog):
        subject, impact, said = _read(difference)
        if subject not in known:
            before, texts = found.get(subject, ("neutral", []))
            found[subject] = ("additive" if "additive" in (before, impact) else "neutral", [*texts, said])
    for (table, column), (impact, texts) in found.items():
        name = f"{table}.{column}" if column else table
        message = f"{name}: {'; '.join(dict.fromkeys(texts))}"
        yield Effect(impact=impact, table=table, column=column, message=message)


def _read(difference: Difference) -> tuple[tuple[str, str], Impact, str]:
    word, name = _split(difference.object)
    column = difference.part.removeprefix(_COLUMN) if difference.part.startswith(_COLUMN) else ""
    new = difference.kind == "unexpected"
    if not difference.part:
        giving: Impact = "additive" if new and word in _GIVING else "neutral"
        return (name, ""), giving, f"{word} {_words(difference)}"
    if column:
        if difference.kind == "changed":
            return (name, column), "neutral", _changed(difference)
        return (name, column), "additive" if new else "neutral", "new" if new else "dropped; the code does not name it"
    if difference.kind == "changed" and not difference.part:
        return (name, ""), "neutral", _changed(difference)
    return (name, ""), "neutral", f"{difference.part} {_words(difference)}"


def _split(name: str) -> tuple[str, str]:
    word = next((each for each in sorted(_GIVING, key=len, reverse=True) if name.startswith(f"{each} ")), name.partition(" ")[0])
    return word, name.removeprefix(f"{word} ")


def _words(difference: Difference) -> str:
    return {"unexpected": "is new", "missing": "is dropped", "changed": f"has another {_attribute(difference)}"}[difference.kind]


def _changed(difference: Difference) -> str:
    attribute = _attribute(difference)
    if len(difference.expected) + len(difference.actual) > 80 or "\n" in difference.expected + difference.actual:
        return f"{attribute} differs"
    return f"{attribute} {difference.actual or 'not set'} instead of {difference.expected or 'not set'}"


def _attribute(difference: Difference) -> str:
    return difference.attribute.replace("_", " ")
