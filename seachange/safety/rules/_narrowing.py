"""Changes of type after which a value may be cut, rounded or refused."""

from __future__ import annotations

import functools
import re

__all__ = ["narrowing"]

_TYPE = re.compile(r"(?P<name>[a-z\" ]+?)(?:\((?P<arguments>[\d, ]+)\))?(?P<rest>(?: with(?:out)? time zone)?)(?P<array>\[\])?")
_INTEGERS = {"smallint": 5, "integer": 10, "bigint": 19}
_FLOATS = {"real": 6, "double precision": 15}
_TEXTS = ("character varying", "character", "text", "citext")
_MICROSECONDS = 6


@functools.lru_cache(maxsize=512)
def narrowing(before: str, after: str) -> str:
    """Return what may happen to a value when a column changes its type, in words; "" for nothing that is lost.

    :param before: the type as ``format_type`` writes it.
    :param after: the new one.
    """
    old, new = _TYPE.fullmatch(before), _TYPE.fullmatch(after)
    if not old or not new or bool(old["array"]) != bool(new["array"]):
        return ""
    first, second = (_kind(old), _arguments(old)), (_kind(new), _arguments(new))
    for decide in (_texts, _numbers, _times):
        found = decide(first, second)
        if found:
            return found
    return ""


_Type = tuple[str, tuple[int, ...]]


def _kind(found: re.Match[str]) -> str:
    return found["name"] + (found["rest"] or "")


def _arguments(found: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(part) for part in (found["arguments"] or "").split(",") if part.strip())


def _texts(old: _Type, new: _Type) -> str:
    if old[0] not in _TEXTS or new[0] not in ("character varying", "character") or not new[1]:
        return ""
    if not old[1] or old[1][0] > new[1][0]:
        return f"a value longer than {new[1][0]} characters fails, or is cut by an explicit cast in USING"
    return ""


def _numbers(old: _Type, new: _Type) -> str:
    if old[0] in _INTEGERS and new[0] in _INTEGERS:
        return f"a value out of the range of {new[0]} fails" if _INTEGERS[old[0]] > _INTEGERS[new[0]] else ""
    if new[0] in _INTEGERS and (old[0] == "numeric" or old[0] in _FLOATS):
        return f"fractions are rounded, and a value out of the range of {new[0]} fails"
    if new[0] in _FLOATS and (old[0] == "numeric" or (old[0] in _FLOATS and _FLOATS[old[0]] > _FLOATS[new[0]])):
        return f"digits after the first {_FLOATS[new[0]]} are lost"
    if new[0] in _FLOATS and old[0] in _INTEGERS and _INTEGERS[old[0]] > _FLOATS[new[0]]:
        return f"digits after the first {_FLOATS[new[0]]} are lost"
    return _decimals(old, new) if new[0] == "numeric" and new[1] else ""


def _decimals(old: _Type, new: _Type) -> str:
    precision, scale = new[1][0], new[1][1] if len(new[1]) > 1 else 0
    if old[0] in _INTEGERS:
        whole, fraction = _INTEGERS[old[0]], 0
    elif old[0] == "numeric" and old[1]:
        fraction = old[1][1] if len(old[1]) > 1 else 0
        whole = old[1][0] - fraction
    elif old[0] == "numeric" or old[0] in _FLOATS:
        whole, fraction = 1000, 1000
    else:
        return ""
    rounds = f"digits after the first {scale} behind the point are rounded away" if fraction > scale else ""
    fails = f"a value with more than {precision - scale} digits before the point fails" if whole > precision - scale else ""
    return ", and ".join(part for part in (rounds, fails) if part)


def _times(old: _Type, new: _Type) -> str:
    stamps = ("timestamp without time zone", "timestamp with time zone")
    if old[0] in stamps and new[0] == "date":
        return "the time of day is lost"
    if old[0] in stamps and new[0].startswith("time "):
        return "the date is lost"
    if old[0] == stamps[1] and new[0] == stamps[0]:
        return "the instant is lost: what remains is the clock of the session's TimeZone"
    timed = old[0] in stamps or old[0].startswith(("time", "interval"))
    before, after = (part[1][0] if part[1] else _MICROSECONDS for part in (old, new))
    if timed and old[0].split()[0] == new[0].split()[0] and before > after:
        return f"fractions of seconds after {after} digits are rounded away"
    return ""
