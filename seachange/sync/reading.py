"""The live catalogue, read once -> the schema as targets read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from seachange.postgres.catalog import Catalog, read_catalog, steady
from seachange.sync._building import Builder
from seachange.sync._detail_queries import detail_queries
from seachange.sync._details import Details
from seachange.sync.model import Schema

if TYPE_CHECKING:
    import psycopg

__all__ = ["read_schema"]


def read_schema(
    connection: psycopg.Connection, *, schemas: Sequence[str] = (), exclude_tables: Sequence[str] = (), revision: str = ""
) -> tuple[Schema, Catalog]:
    """Read the schema of the connected database, all of it from one moment.

    :param connection: a session, idle or in a transaction, which is as it was afterwards.
    :param schemas: schemas to look at; all but the system's, Seachange's own and those of extensions by default.
    :param exclude_tables: names or patterns, with or without schema, of tables and views to pass over.
    :param revision: the revision of the database.
    :returns: the schema, and the catalogue that it was made from.
    :raises SeachangeError: as for :func:`seachange.postgres.catalog.read_catalog`.
    """
    with steady(connection) as run:
        catalog = read_catalog(connection, schemas=schemas, exclude_tables=exclude_tables)
        names: Mapping[str, object] = {"schemas": [schema.name for schema in catalog.schemas]}
        found = {name: run(text, names) for name, text in detail_queries(catalog.server_version).items()}
    return Builder(catalog=catalog, details=Details.of(found)).schema(revision=revision), catalog
