"""Schemas as targets read them that no server made, with names of all kinds."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st

from seachange.postgres.catalog import qualified
from seachange.sync.model import Column, Enum, ForeignKey, Key, Schema, Table, Type

__all__ = ["INTEGER", "TEXT", "array", "column", "foreign_key", "key", "schema_of", "schemas", "system", "table"]


def system(spelled: str, **fields: Any) -> Type:
    """Return a type of PostgreSQL itself; what stands in parentheses are its modifiers."""
    name, _, modifiers = spelled.removesuffix(")").partition("(")
    given = tuple(part for part in modifiers.split(",") if part)
    return Type(**{"text": spelled, "schema": "pg_catalog", "name": name, "modifiers": given} | fields)


INTEGER = system("int4", text="integer")
TEXT = system("text")


def array(of: Type) -> Type:
    """Return the type of an array of another."""
    return dataclasses.replace(of, text=f"{of.text}[]", array=True)


def column(name: str, *, type: Type = INTEGER, not_null: bool = True, **fields: Any) -> Column:  # noqa: A002
    """Return a column."""
    return Column(name=name, type=type, not_null=not_null, nullable=not not_null, **fields)


def key(*columns: str) -> Key:
    """Return a primary or unique key."""
    return Key(name="_".join([*columns, "key"]), columns=columns)


def foreign_key(parent: str, *, schema: str = "public", **columns: str) -> ForeignKey:
    """Return a foreign key; each column is given with the one that it refers to."""
    return ForeignKey(
        name=f"to_{parent}",
        columns=tuple(columns),
        references_schema=schema,
        references_table=parent,
        references_columns=tuple(columns.values()),
    )


def table(name: str, *parts: Column | ForeignKey, schema: str = "public", primary: str = "", **fields: Any) -> Table:
    """Return a table of columns and foreign keys; ``primary`` names the columns of its primary key."""
    made = {
        "columns": tuple(part for part in parts if isinstance(part, Column)),
        "foreign_keys": tuple(part for part in parts if isinstance(part, ForeignKey)),
        "primary_key": key(*primary.split()) if primary else None,
    }
    return Table(**{"schema": schema, "name": name} | made | fields)


def schema_of(*tables: Table) -> Schema:
    """Return a schema of these tables."""
    return Schema(fingerprint="f00d", revision="r1", server_major=18, schemas=("public",), tables=tables)


# PostgreSQL's names and comments hold everything but NUL; in UTF-8 there are no surrogates.
_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
_WORDS = 'id|pk|FK|uk-x|class|from|self|copy|json|model_config|index|con|int|Mood|__x|_x|_1|A|a|é|a b|a"b|a/b|..|direction TB'
_MARKUP = "%%{|</script>|<b>|-->|'''|]]>|&amp;"
_NAMES = st.one_of(st.sampled_from([*_WORDS.split("|"), *_MARKUP.split("|")]), _TEXT.filter(bool))


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Draw a schema of a few tables that refer to the first one, with an enum that a column may be of."""
    labels = tuple(draw(st.lists(_TEXT, max_size=3, unique=True)))
    enum = Enum(schema="public", name=draw(_NAMES), labels=labels, comment=draw(_TEXT))
    mood = Type(text=qualified(enum.schema, enum.name), schema=enum.schema, name=enum.name, kind="enum")
    # A table has a type of its own name, so that no enum beside it can have that.
    places = st.tuples(st.sampled_from(["public", "direction lr", 'b"']), _NAMES).filter(lambda place: place != enum.key)
    tables: list[Table] = []
    for schema, name in draw(st.lists(places, min_size=1, max_size=3, unique=True)):
        columns = draw(st.lists(_columns(mood), max_size=4, unique_by=lambda one: one.name))
        made = table(name, *columns, schema=schema, comment=draw(_TEXT))
        if columns:
            made = dataclasses.replace(made, **_keys(made, tables[0] if tables else made))
        tables.append(made)
    ordered = tuple(sorted(tables, key=lambda one: one.key))
    return Schema(fingerprint="f00d", revision=draw(_TEXT), server_major=18, tables=ordered, enums=(enum,))


@st.composite
def _columns(draw: st.DrawFn, mood: Type) -> Column:
    type_ = draw(st.sampled_from([INTEGER, TEXT, mood]))
    return column(draw(_NAMES), type=type_, not_null=draw(st.booleans()), comment=draw(_TEXT), default=draw(_TEXT))


def _keys(made: Table, first: Table) -> dict[str, Any]:
    """What the first column of a table is for: the primary key of the first table, or a reference to that."""
    name = made.columns[0].name
    if made is first:
        return {"primary_key": key(name)}
    if not first.columns:
        return {}
    return {"foreign_keys": (foreign_key(first.name, schema=first.schema, **{name: first.columns[0].name}),)}
