"""client.py: rows, values to insert and enums as typed Python."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target
from seachange.sync.targets.client._module import describe_client

__all__ = ["TARGET"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    del request
    yield Artefact(text=describe_client(schema))


TARGET = Target(
    name="client", summary="rows and inserts as typed Python, standard library only", path="client.py", emit=_emit, client=True
)
