"""Frozen dataclasses from JSON values, by the types of their fields."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

__all__ = ["decoded"]

_T = TypeVar("_T")


def decoded(kind: type[_T], document: Mapping[str, Any]) -> _T:
    """Return a value of ``kind``; names that it does not know are left out, so that a later minor version can be read.

    :param kind: a dataclass of numbers, texts, tuples, mappings and other such dataclasses.
    :param document: its fields as JSON values.
    :raises KeyError: a field without a default is missing.
    :raises TypeError: a value is of another type than its field.
    """
    hints = typing.get_type_hints(kind)
    given = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in document:
            given[field.name] = _value(hints[field.name], document[field.name], name=field.name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise KeyError(field.name)
    return kind(**given)


def _value(hint: Any, value: Any, *, name: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return decoded(typing.cast("type[Any]", hint), _required(Mapping, value, name=name))
    if origin is tuple:
        return tuple(_value(arguments[0], each, name=name) for each in _required(list, value, name=name))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {str(key): _value(arguments[1], each, name=name) for key, each in _required(Mapping, value, name=name).items()}
    if origin is typing.Literal:
        if value not in arguments:
            raise TypeError(f"{name}: {value!r} is not one of {', '.join(map(repr, arguments))}")
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _value(arguments[0], value, name=name)
    return _required((int, float) if hint is float else hint, value, name=name)


def _required(kind: Any, value: Any, *, name: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{name}: {value!r} is of another type")
    return value
