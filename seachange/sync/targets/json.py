"""schema.json: the schema as every other target reads it, for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator

from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target

__all__ = ["TARGET"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    del request
    yield Artefact(text=json.dumps(schema.to_dict(), indent=2, ensure_ascii=False) + "\n")


TARGET = Target(name="json", summary="the schema for programs, versioned JSON", path="schema.json", emit=_emit)
