"""schema.json: the schema as every other target reads it, for programs."""

from __future__ import annotations

import dataclasses
import functools
import json
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seachange.sync.model import SCHEMA, Schema, Type
from seachange.sync.target import Artefact, Request, Target

__all__ = ["TARGET"]

_quoted = json.encoder.encode_basestring


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    del request
    yield Artefact(text=_object(schema, 0).replace("{", f'{{\n  "schema": {_quoted(SCHEMA)},', 1) + "\n")


# What json.dumps(schema.to_dict(), indent=2) makes, in a sixth of the time: the standard library indents in Python, value by
# value, and a thousand tables have four hundred thousand values, most of them words, truths and a few types.
def _text(value: object, depth: int) -> str:
    plain = _PLAIN.get(type(value))
    if plain is not None:
        return plain(value)
    if isinstance(value, (tuple, list)):
        return _block("[]", [_text(one, depth + 1) for one in value], depth) if value else "[]"
    if isinstance(value, Mapping):
        return _block("{}", [f"{_quoted(str(key))}: {_text(one, depth + 1)}" for key, one in value.items()], depth)
    return _type(value, depth) if isinstance(value, Type) else _object(value, depth)


def _object(value: object, depth: int) -> str:
    kind: type = type(value)
    template, values = _shape(kind, depth)
    return template % tuple([_quoted(one) if type(one) is str else _text(one, depth + 1) for one in values(value)])


@functools.lru_cache(maxsize=10_000)
def _type(value: Type, depth: int) -> str:
    return _object(value, depth)


_PLAIN: Mapping[type, Callable[[Any], str]] = {
    str: _quoted,
    bool: {True: "true", False: "false"}.__getitem__,
    int: str,
    type(None): lambda _: "null",
}


def _block(brackets: str, parts: list[str], depth: int) -> str:
    if not parts:
        return brackets
    space = "\n" + "  " * (depth + 1)
    return f"{brackets[0]}{space}{f',{space}'.join(parts)}\n{'  ' * depth}{brackets[1]}"


@functools.cache
def _shape(kind: type[Any], depth: int) -> tuple[str, Callable[[object], tuple[object, ...]]]:
    names = [field.name for field in dataclasses.fields(kind) if not field.metadata.get("amount")]
    return _block("{}", [f"{_quoted(name)}: %s" for name in names], depth), operator.attrgetter(*names)


TARGET = Target(name="json", summary="the schema for programs, versioned JSON", path="schema.json", emit=_emit)
