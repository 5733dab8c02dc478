"""structure.sql: the schema as pg_dump writes it."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync.model import Schema
from seachange.sync.structure import dump_structure
from seachange.sync.target import Artefact, Request, Target

__all__ = ["TARGET"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    text = dump_structure(
        request.session,
        request.database,
        settings=request.settings,
        catalog=request.catalog,
        snapshot=request.snapshot,
        revision=schema.revision,
    )
    yield Artefact(text=text)


TARGET = Target(name="sql", summary="the schema as pg_dump writes it, reproducible", path="structure.sql", emit=_emit)
