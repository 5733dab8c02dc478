"""What a table of the real database looks like now, and its rows as an item of FROM."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from seachange.postgres.catalog import qualified
from seachange.safety._data.values import Layer, Source
from seachange.safety._look import look

if TYPE_CHECKING:
    import psycopg

__all__ = ["Item", "Shape", "item_of", "read_shape"]

_SHAPE = """
SELECT n.nspname::text, c.relname::text, c.relkind::text, c.relkind = 'p',
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       ARRAY(SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> '' ORDER BY a.attnum),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_index i
             CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
             WHERE i.indrelid = c.oid AND i.indisprimary AND k.place <= i.indnkeyatts ORDER BY k.place),
       EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(%s) AND c.relkind IN ('r', 'p', 'f', 'm')
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    """A table: its columns with their types, those that are generated, those of the primary key, and whether triggers fire."""

    schema: str
    name: str
    kind: str
    partitioned: bool
    types: dict[str, str]
    generated: tuple[str, ...]
    primary: tuple[str, ...]
    triggers: bool

    @property
    def qualified(self) -> str:
        """The name with its schema, quoted where needed."""
        return qualified(self.schema, self.name)

    @property
    def keys(self) -> tuple[str, ...]:
        """What tells its rows apart: the primary key, else the place where a row is stored."""
        if self.primary:
            return tuple(map(qualified, self.primary))
        return ("tableoid::regclass", "ctid") if self.partitioned else ("ctid",)

    @property
    def key_names(self) -> tuple[str, ...]:
        """The keys as messages call them."""
        return self.keys if self.primary else tuple(key.partition(":")[0] for key in self.keys)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """Rows as an item of FROM; ``keys`` are SQL expressions over them."""

    sql: str
    keys: tuple[str, ...]


def read_shape(connection: psycopg.Connection, table: str, *, timeout_ms: int) -> Shape | None:
    """Return what a table looks like; None when there is none of that name.

    :param connection: a session.
    :param table: its name, with schema or to be found in the ``search_path``.
    :param timeout_ms: as for :func:`look`.
    """
    rows = look(connection, _SHAPE, timeout_ms=timeout_ms, parameters=[table])
    if not rows:
        return None
    schema, name, kind, partitioned, columns, types, generated, primary, triggers = rows[0]
    return Shape(
        schema=schema,
        name=name,
        kind=kind,
        partitioned=partitioned,
        types=dict(zip(columns, types, strict=True)),
        generated=tuple(generated),
        primary=tuple(primary),
        triggers=triggers,
    )


def item_of(source: Source, shape: Shape, *, alias: str = "", only: bool = False) -> Item:
    """Return the rows of a source, under what earlier statements do to them.

    :param source: the source.
    :param shape: its table as it is now.
    :param alias: what to call the rows; the source's alias by default.
    :param only: leave out the tables that inherit from it.
    """
    called = qualified(alias or source.alias or shape.name)
    base = f"{'ONLY ' if (only or source.only) and not shape.partitioned else ''}{shape.qualified}"
    if not source.layers:
        named = f"{base} AS {called}" if called != qualified(shape.name) else base
        return Item(sql=named, keys=tuple(f"{called}.{key}" for key in shape.keys))
    names = [f"seachange_key_{number}" for number in range(1, len(shape.keys) + 1)]
    columns, sql = list(shape.types), base
    for number, layer in enumerate(source.layers):
        keys = [f"{key} AS {name}" for key, name in zip(shape.keys, names, strict=True)] if number == 0 else names
        columns, listed = _columns(columns, layer)
        where = f" WHERE {layer.where}" if layer.where else ""
        sql = f"(SELECT {', '.join([*listed, *keys])} FROM {sql}{_called(shape, layer, number)}{where})"
    return Item(sql=f"{sql} AS {called}", keys=tuple(f"{called}.{name}" for name in names))


def _called(shape: Shape, layer: Layer, number: int) -> str:
    return "" if number == 0 and layer.alias == shape.name else f" AS {qualified(layer.alias)}"


def _columns(below: list[str], layer: Layer) -> tuple[list[str], list[str]]:
    """Return the columns that a layer has, and how it selects them."""
    kept = [name for name in below if name not in layer.gone or name in layer.values]
    columns = kept + [name for name in layer.values if name not in kept]
    values = {name: f"{text} AS {qualified(name)}" for name, text in layer.values.items()}
    return columns, [values.get(name, qualified(name)) for name in columns]
