"""schema.json: the schema as every other target reads it, for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target

__all__ = ["TARGET"]

# The document, its tables, views and types: what has a line for each of its parts.
_OPEN_LEVELS = 2

_encode = json.JSONEncoder(ensure_ascii=False).encode


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    del request
    yield Artefact(text=_text(schema.to_dict()) + "\n")


def _text(value: Any, level: int = 0) -> str:
    """Return JSON with a line for each column, constraint and index, so that a difference shows whole ones."""
    inner = "\n" + "  " * (level + 1)
    outer = "\n" + "  " * level
    if isinstance(value, Mapping) and value and level <= _OPEN_LEVELS:
        parts = [f"{_encode(key)}: {_text(one, level + 1)}" for key, one in value.items()]
        return f"{{{inner}{f',{inner}'.join(parts)}{outer}}}"
    if isinstance(value, list) and value and isinstance(value[0], Mapping) and level <= _OPEN_LEVELS + 1:
        return f"[{inner}{f',{inner}'.join(_text(one, level + 1) for one in value)}{outer}]"
    return _encode(value)


TARGET = Target(name="json", summary="the schema for programs, versioned JSON", path="schema.json", emit=_emit)
