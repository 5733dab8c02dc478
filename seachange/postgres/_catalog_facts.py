"""A schema as a flat mapping of facts, which both the fingerprint and the comparison read."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import operator
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["OUTSIDE", "Facts", "collect", "without_collector"]

Facts = Mapping[str, Mapping[str, Mapping[str, object]]]

#: Metadata of fields that say something about a schema without being part of it: positions, sizes, versions, repetitions.
OUTSIDE: Mapping[str, bool] = MappingProxyType({"outside": True})

_OBJECTS = {
    "schemas": "schema",
    "tables": "table",
    "views": "view",
    "enums": "enum",
    "domains": "domain",
    "composites": "type",
    "ranges": "range type",
    "sequences": "sequence",
    "functions": "function",
    "extensions": "extension",
}
_PARTS = {
    "columns": "column",
    "constraints": "constraint",
    "indexes": "index",
    "triggers": "trigger",
    "policies": "policy",
    "rules": "rule",
    "statistics": "statistics object",
}


_Known = dict[tuple[object, ...], Mapping[str, object]]


def collect(catalog: object) -> Facts:
    """Return the facts of a catalogue: object -> part -> attributes that differ from the defaults.

    The object's own attributes stand under the empty part.

    :param catalog: a :class:`seachange.postgres.catalog.Catalog`.
    """
    known: _Known = {}
    return {
        f"{word} {value.qualified}": _of_object(value, known)
        for field, word in _OBJECTS.items()
        for value in getattr(catalog, field)
        if not getattr(value, "operational", False)
    }


def _of_object(value: Any, known: _Known) -> Mapping[str, Mapping[str, object]]:
    found = {"": _attributes(value, known)}
    for field, word in _parts(value.__class__):
        for part in getattr(value, field):
            found[f"{word} {part.name}"] = _attributes(part, known)
    return found


def _attributes(value: Any, known: _Known) -> Mapping[str, object]:
    fields, read = _reader(value.__class__)
    values = read(value)
    # Columns of 10,000 tables are 100,000 with few different attributes.
    attributes = known.get(values)
    if attributes is None:
        attributes = {name: found for (name, default), found in zip(fields, values, strict=False) if found != default}
        known[values] = attributes
    return attributes


@functools.cache
def _parts(cls: type[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, _PARTS[field.name]) for field in dataclasses.fields(cls) if field.name in _PARTS)


@functools.cache
def _reader(cls: type[Any]) -> tuple[tuple[tuple[str, object], ...], Callable[[object], tuple[object, ...]]]:
    own = [field for field in dataclasses.fields(cls) if not field.metadata.get("outside") and field.name not in _PARTS]
    fields = tuple((field.name, field.default) for field in own if field.name not in ("schema", "name", "arguments"))
    # With the class, equal values of different classes differ; twice, the result is a tuple whatever the number of fields.
    return fields, operator.attrgetter(*(name for name, _ in fields), "__class__", "__class__")


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Hold the cyclic garbage collector still for the length of the block.

    It would go over the million of values of a large schema again and again, and find nothing: 30 % of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
