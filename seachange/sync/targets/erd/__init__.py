"""schema.md: the schema as diagrams and tables for people."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target
from seachange.sync.targets.erd._overview import overview

__all__ = ["TARGET"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    del request
    yield Artefact(text=overview(schema))


TARGET = Target(name="erd", summary="diagrams (Mermaid) and tables for people", path="schema.md", emit=_emit)
