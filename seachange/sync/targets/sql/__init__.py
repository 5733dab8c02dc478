"""structure.sql: the schema as pg_dump writes it, the same bytes for the same schema."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.postgres.catalog import Catalog
from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target, header
from seachange.sync.targets.sql._choice import Choice
from seachange.sync.targets.sql._dump import dump
from seachange.sync.targets.sql._text import normalise, with_statements, without_statements

__all__ = ["TARGET"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    choice = Choice.of(schema, request.catalog, schemas=request.settings.sync_schemas or request.settings.schemas)
    text = without_statements(normalise(dump(request, choice)), choice.dangling_statements)
    text = with_statements(text, list(_lost(schema, request.catalog)))
    head = "".join(f"-- {line}\n" for line in (*header(schema, target="sql"), *_about(schema, choice)))
    yield Artefact(text=f"{head}\n{text}")


def _lost(schema: Schema, catalog: Catalog) -> Iterator[str]:
    """Yield what pg_dump does not tell of tables whose replica identity was an index that is gone."""
    for table in catalog.tables:
        if table.replica_identity == "nothing" and (table.schema, table.name) in schema.relations:
            yield f"ALTER TABLE ONLY {table.qualified} REPLICA IDENTITY NOTHING;"


def _about(schema: Schema, choice: Choice) -> Iterator[str]:
    yield f"PostgreSQL: {schema.server_major}"
    if choice.left_out:
        kept = len(schema.relations) - len(choice.needing)
        yield f"{kept} of {kept + len(choice.left_out)} tables and views, by sync_schemas, sync_tables and sync_exclude"
    for name in choice.needing:
        yield _line(f"left out, because it needs what is left out: {name}")
    for name in choice.dangling:
        yield _line(f"left out, because it refers to what is left out: foreign key {name}")


def _line(text: str) -> str:
    return " ".join(text.splitlines())


TARGET = Target(name="sql", summary="the schema as pg_dump writes it, reproducible", path="structure.sql", emit=_emit)
