"""client.py: rows, values to insert and enums as typed Python."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync.client import describe_client
from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target

__all__ = ["TARGET"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    del schema
    yield Artefact(text=describe_client(request.catalog))


TARGET = Target(
    name="client", summary="rows and inserts as typed Python, standard library only", path="client.py", emit=_emit, client=True
)
