"""schema.prisma: the schema for Prisma, as its own introspection writes it, with what people changed in the file kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target, header
from seachange.sync.targets.prisma._files import build
from seachange.sync.targets.prisma._generating import generate
from seachange.sync.targets.prisma._parsing import parse
from seachange.sync.targets.prisma._present import Present
from seachange.sync.targets.prisma._rendering import render

__all__ = ["TARGET", "schema_prisma"]


def schema_prisma(schema: Schema, *, present: str = "", path: Path) -> str:
    """Return the text of schema.prisma.

    :param schema: the schema.
    :param present: what the file holds now.
    :param path: the file, for messages.
    :raises TargetFailedError: the present file cannot be read.
    """
    items = parse(present, path) if present else ()
    return render(build(schema, Present(items=tuple(items)), header(schema, target="prisma")))


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    yield Artefact(text=schema_prisma(schema, present=request.present() or "", path=request.path))


TARGET = Target(
    name="prisma",
    summary="schema.prisma, with your own additions kept; a client by prisma generate",
    path="schema.prisma",
    emit=_emit,
    generate=generate,
)
