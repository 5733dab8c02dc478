"""What changing the type of a column takes, by the pair of types: nothing, its indexes, or the whole table."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

from seachange.safety._predict._known import Known

__all__ = ["Work", "type_change"]

Work = Literal["nothing", "indexes", "rewrite"]

_TYPE = re.compile(
    r"(?P<name>[^(\[]+?)(?: ?\((?P<arguments>[\d,-]+)\))?(?P<tail> (?:with|without) time zone)?(?P<array>(?:\[\])*)"
)
_TEXTS = ("text", "character varying")
_TIMES = ("timestamp without time zone", "timestamp with time zone", "time without time zone", "time with time zone")
_FINEST = 6

# Casts WITHOUT FUNCTION of pg_cast whose types have operator classes of their own.
_SAME_BYTES = {
    *((text, "citext") for text in _TEXTS),
    *(("citext", text) for text in _TEXTS),
    *(("integer", oid) for oid in ("oid", "regclass", "regtype", "regproc")),
    *((oid, "integer") for oid in ("oid", "regclass", "regtype", "regproc")),
    ("xml", "text"),
    ("xml", "character varying"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Type:
    name: str
    arguments: tuple[int, ...]
    array: bool


def type_change(old: str, new: str, *, known: Known, timezone: str | None) -> Work:
    """Return what it takes to make a column of one type one of another; what is not known for certain is a rewrite.

    Measured on PostgreSQL 12 to 18, which agree.

    :param old: the type it has, as ``format_type`` writes it; empty when it is unknown.
    :param new: the type that it gets.
    :param timezone: the session's TimeZone, None when it is unknown.
    """
    old, new = known.plain(old), known.plain(new)
    if not old:
        return "rewrite"
    if old == new:
        return "nothing"
    if new in known.domains and known.domains[new].constrained:
        return "rewrite"
    bases = [known.plain(known.domains[name].type) if name in known.domains else name for name in (old, new)]
    if bases != [old, new]:
        return type_change(*bases, known=known, timezone=timezone)
    return _change(_read(old), _read(new), timezone=timezone)


def _read(text: str) -> _Type:
    found = _TYPE.fullmatch(text)
    if found is None:
        return _Type(name=text, arguments=(), array=False)
    arguments = tuple(int(each) for each in (found["arguments"] or "").split(",") if each)
    return _Type(name=found["name"] + (found["tail"] or ""), arguments=arguments, array=bool(found["array"]))


def _change(old: _Type, new: _Type, *, timezone: str | None) -> Work:
    if old.array or new.array:
        return "rewrite"
    if old.name in _TEXTS and new.name in _TEXTS:
        return "nothing" if _wider(old.arguments, new.arguments) else "rewrite"
    if old.name == new.name:
        return "nothing" if _keeps(old, new) else "rewrite"
    if {old.name, new.name} == set(_TIMES[:2]):
        # With any other zone each value is another number.
        free = timezone is not None and timezone.upper() in ("UTC", "ETC/UTC", "GMT", "UCT", "ZULU")
        return "indexes" if free and _finer(old, new) else "rewrite"
    if (old.name, new.name) == ("cidr", "inet"):
        return "nothing"
    return "indexes" if (old.name, new.name) in _SAME_BYTES and not new.arguments else "rewrite"


def _keeps(old: _Type, new: _Type) -> bool:
    """Whether every value of a type is a value of the same type with other arguments, and the server knows that."""
    if old.name == "numeric":
        if not new.arguments:
            return True
        return bool(old.arguments) and new.arguments[0] >= old.arguments[0] and _scale(old) == _scale(new)
    if old.name in _TIMES or old.name == "interval":
        return _finer(old, new)
    return old.name == "bit varying" and _wider(old.arguments, new.arguments)


def _scale(number: _Type) -> int:
    return number.arguments[1] if len(number.arguments) > 1 else 0


def _wider(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    return not new or bool(old and new[0] >= old[0])


def _finer(old: _Type, new: _Type) -> bool:
    return (*new.arguments, _FINEST)[0] >= (*old.arguments, _FINEST)[0]
