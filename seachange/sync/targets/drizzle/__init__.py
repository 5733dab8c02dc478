"""drizzle/: tables, views and enums for drizzle-orm, and the relations between the tables."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target
from seachange.sync.targets.drizzle._names import Naming
from seachange.sync.targets.drizzle._options import OPTIONS, Options
from seachange.sync.targets.drizzle._relations import relations_file
from seachange.sync.targets.drizzle._schema import schema_file

__all__ = ["TARGET"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    options = Options.of(request.options)
    naming = Naming.of(schema, options)
    yield Artefact(name="relations.ts", text=relations_file(schema, naming))
    yield Artefact(name="schema.ts", text=schema_file(schema, naming, options))


TARGET = Target(
    name="drizzle",
    summary="schema.ts and relations.ts for drizzle-orm",
    path="drizzle/",
    emit=_emit,
    options=OPTIONS,
    client=True,
)
