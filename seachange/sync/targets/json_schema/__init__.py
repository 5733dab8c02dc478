"""schema.schema.json: rows, inserts and updates as JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target
from seachange.sync.targets.json_schema._document import describe_json

__all__ = ["TARGET"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    del request
    yield Artefact(text=describe_json(schema))


TARGET = Target(
    name="jsonschema",
    summary="rows, inserts and updates as JSON Schema 2020-12",
    path="schema.schema.json",
    emit=_emit,
)
