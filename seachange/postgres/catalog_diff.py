"""Two catalogues -> what differs, each difference as a sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from seachange.postgres._catalog_text import short_type
from seachange.postgres._catalog_values import Catalog

__all__ = ["Difference", "diff"]

_LONGEST = 160

# How booleans read: (true, false).
_STATES = {
    "not_null": ("not null", "nullable"),
    "validated": ("validated", "not validated"),
    "enforced": ("enforced", "not enforced"),
    "valid": ("valid", "INVALID"),
    "permissive": ("permissive", "restrictive"),
    "unlogged": ("unlogged", "logged"),
    "row_security": ("under row security", "not under row security"),
    "force_row_security": ("under row security for its owner too", "not under row security for its owner"),
    "cycle": ("cycling", "not cycling"),
    "identity": ("the sequence of an identity column", "not the sequence of an identity column"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that two schemas do not have in common.

    ``object`` is a table, view, type or the like; ``part`` a column, constraint or the like of it; ``attribute`` what of
    them differs. For what is missing or unexpected, ``expected`` or ``actual`` describes it.
    """

    kind: Literal["missing", "unexpected", "changed"]
    object: str
    part: str = ""
    attribute: str = ""
    expected: str = ""
    actual: str = ""

    @property
    def sentence(self) -> str:
        """The difference for people."""
        described = self.expected if self.kind == "missing" else self.actual
        subject = f"{self.object}: {self.part}" if self.part else self.object
        if self.kind == "missing":
            return f"{_with(subject, described)} is missing in the database"
        if self.kind == "unexpected":
            return f"{_with(subject, described)} is in the database, but not expected"
        if self.attribute in _STATES and self.actual in _STATES[self.attribute]:
            return f"{subject} is {self.actual} in the database, expected {self.expected}"
        name = self.attribute.replace("_", " ")
        if _is_long(self.expected) or _is_long(self.actual):
            return f"{subject}: {name} differs"
        return f"{subject}: {name} is {self.actual or 'not set'} in the database, expected {self.expected or 'not set'}"


def _with(subject: str, described: str) -> str:
    return f"{subject} {described}" if described and not _is_long(described) else subject


def _is_long(text: str) -> bool:
    return len(text) > _LONGEST or "\n" in text


def diff(expected: Catalog, actual: Catalog) -> tuple[Difference, ...]:
    """Return what differs between two schemas; nothing exactly when their fingerprints are equal.

    Parts of an object that is missing or unexpected as a whole are not listed.

    :param expected: how the schema should be.
    :param actual: how it is in the database.
    """
    found: list[Difference] = []
    for name in sorted(expected.facts.keys() | actual.facts.keys()):
        wanted, present = expected.facts.get(name), actual.facts.get(name)
        if wanted is None:
            found.append(Difference(kind="unexpected", object=name))
        elif present is None:
            found.append(Difference(kind="missing", object=name))
        elif wanted != present:
            parts = sorted(wanted.keys() | present.keys())
            found += [item for part in parts for item in _differences((name, part), wanted.get(part), present.get(part))]
    return tuple(found)


def _differences(
    key: tuple[str, str], wanted: Mapping[str, object] | None, present: Mapping[str, object] | None
) -> list[Difference]:
    name, part = key
    if present is None:
        return [Difference(kind="missing", object=name, part=part, expected=_description(part, wanted or {}))]
    if wanted is None:
        return [Difference(kind="unexpected", object=name, part=part, actual=_description(part, present))]
    return [
        Difference(
            kind="changed",
            object=name,
            part=part,
            attribute=attribute,
            expected=_text(attribute, wanted.get(attribute), other=present.get(attribute)),
            actual=_text(attribute, present.get(attribute), other=wanted.get(attribute)),
        )
        for attribute in sorted(wanted.keys() | present.keys())
        if wanted.get(attribute) != present.get(attribute)
    ]


def _description(part: str, attributes: Mapping[str, object]) -> str:
    if not part.startswith("column "):
        return str(attributes.get("definition", ""))
    words = [short_type(str(attributes["type"]))]
    words += ["not null"] if attributes.get("not_null") else []
    words += [f"default {attributes['default']}"] if "default" in attributes and "generated" not in attributes else []
    return " ".join(words)


def _text(attribute: str, value: object, *, other: object) -> str:
    if attribute == "type":
        return short_type(str(value))
    if isinstance(value, bool) or isinstance(other, bool):
        # Facts leave out defaults: what is not there is the opposite of what differs from it.
        yes, no = _STATES[attribute]
        return yes if (value if isinstance(value, bool) else not other) else no
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
