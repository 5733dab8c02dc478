"""Changes of a schema that the code does not notice: what is added, and what is neither needed nor in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seachange.postgres.catalog import Difference, diff
from seachange.safety._compatibility.values import Case, Effect, Impact

__all__ = ["find_changes"]

_GIVING = ("table", "view", "enum", "domain", "type", "range type", "function", "schema", "extension")
_COLUMN = "column "
_LONGEST = 80


def find_changes(case: Case, *, told: Iterable[Effect]) -> Iterator[Effect]:
    """Yield, for each table and column that differs, what that is.

    :param case: the code and the schemas.
    :param told: what was said already.
    """
    known = list(told)
    subjects = {(effect.table, effect.column) for effect in known}
    found: dict[tuple[str, str], tuple[Impact, list[str]]] = {}
    for difference in diff(case.old.catalog, case.new.catalog):
        subject, impact, said = _read(case, difference)
        if said and subject not in subjects and not _is_told(known, difference, subject[0]):
            before, texts = found.get(subject, ("neutral", []))
            found[subject] = ("additive" if "additive" in (before, impact) else "neutral", [*texts, said])
    for (table, column), (impact, texts) in found.items():
        name = f"{table}.{column}" if column else table
        yield Effect(impact=impact, table=table, column=column, message=f"{name}: {'; '.join(dict.fromkeys(texts))}")


def _is_told(known: Iterable[Effect], difference: Difference, table: str) -> bool:
    part = difference.part.rpartition(" ")[2]
    return bool(part) and any(effect.table == table and f" {part}" in effect.message for effect in known)


def _read(case: Case, difference: Difference) -> tuple[tuple[str, str], Impact, str]:
    word, name = _split(difference.object)
    column = difference.part.removeprefix(_COLUMN) if difference.part.startswith(_COLUMN) else ""
    if (not difference.part or column) and (renamed := _renamed(case, difference, (name, column))) is not None:
        return (name, column), "neutral", renamed
    if column:
        return _of_column(difference, (name, column))
    if difference.part:
        return (name, ""), "neutral", f"{difference.part} {_words(difference)}"
    giving = word in _GIVING and (difference.kind == "unexpected" or difference.attribute == "labels")
    return (name, ""), "additive" if giving else "neutral", f"{word} {_words(difference)}"


def _of_column(difference: Difference, subject: tuple[str, str]) -> tuple[tuple[str, str], Impact, str]:
    if difference.kind == "changed":
        return subject, "neutral", _changed(difference)
    if difference.kind == "unexpected":
        return subject, "additive", "new"
    return subject, "neutral", "dropped; the code does not name it"


def _renamed(case: Case, difference: Difference, subject: tuple[str, str]) -> str | None:
    """Return what is said of a part that has another name: nothing where its former name stood; None when it has the same."""
    if difference.kind == "unexpected":
        identity = case.new.identities.get(subject)
        before = case.old.names.get(identity) if identity else None
        return f"renamed from {before[1] or before[0]}" if before else None
    identity = case.old.identities.get(subject) if difference.kind == "missing" else None
    return "" if identity and identity in case.new.names else None


def _split(name: str) -> tuple[str, str]:
    word = next((each for each in sorted(_GIVING, key=len, reverse=True) if name.startswith(f"{each} ")), name.partition(" ")[0])
    return word, name.removeprefix(f"{word} ")


def _words(difference: Difference) -> str:
    told = {"unexpected": "is new", "missing": "is dropped", "changed": f"changes: {_attribute(difference)}"}
    return told[difference.kind]


def _changed(difference: Difference) -> str:
    attribute = _attribute(difference)
    if len(difference.expected) + len(difference.actual) > _LONGEST or "\n" in difference.expected + difference.actual:
        return f"another {attribute}"
    return f"{attribute} {difference.actual or 'not set'} instead of {difference.expected or 'not set'}"


def _attribute(difference: Difference) -> str:
    return difference.attribute.replace("_", " ")
