"""schema.md: the schema as diagrams and tables for people."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync.diagram import describe_schema
from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target

__all__ = ["TARGET"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    yield Artefact(text=describe_schema(request.catalog, revision=schema.revision))


TARGET = Target(name="erd", summary="diagrams (Mermaid) and tables for people", path="schema.md", emit=_emit)
