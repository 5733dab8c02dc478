"""Schemas as targets read them that no server made, with names of all kinds."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from seachange.sync.model import Column, Enum, Schema, Table, Type

__all__ = ["INTEGER", "TEXT", "array", "column", "schemas", "system", "table"]


def system(spelled: str, **fields: Any) -> Type:
    """Return a type of PostgreSQL itself; what stands in parentheses are its modifiers."""
    name, _, modifiers = spelled.removesuffix(")").partition("(")
    given = tuple(part for part in modifiers.split(",") if part)
    return Type(**{"text": spelled, "schema": "pg_catalog", "name": name, "modifiers": given} | fields)


INTEGER = system("int4", text="integer")
TEXT = system("text")


def array(of: Type) -> Type:
    """Return the type of an array of another."""
    return Type(
        text=f"{of.text}[]",
        schema=of.schema,
        name=of.name,
        kind=of.kind,
        array=True,
        modifiers=of.modifiers,
        extension=of.extension,
    )


def column(name: str, *, type: Type = INTEGER, not_null: bool = True, **fields: Any) -> Column:  # noqa: A002
    """Return a column."""
    return Column(name=name, type=type, not_null=not_null, nullable=not not_null, **fields)


def table(name: str, *columns: Column, schema: str = "public", **fields: Any) -> Table:
    """Return a table."""
    return Table(schema=schema, name=name, columns=columns, **fields)


# PostgreSQL's names and comments hold everything but NUL; in UTF-8 there are no surrogates.
_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
_KNOWN = ["id", "class", "from", "self", "__x", "_x", "int", "Mood", "é", "a b", 'a"b', "copy", "json", "model_config", "_1"]
_NAMES = st.one_of(st.sampled_from(_KNOWN), _TEXT.filter(bool))


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Draw a schema of a few tables, with an enum that a column may be of."""
    labels = tuple(draw(st.lists(_TEXT, max_size=3, unique=True)))
    enum = Enum(schema="public", name=draw(_NAMES), labels=labels, comment=draw(_TEXT))
    types = [INTEGER, TEXT, Type(text="enum", schema="public", name=enum.name, kind="enum")]
    tables: dict[tuple[str, str], Table] = {}
    for _ in range(draw(st.integers(1, 3))):
        schema, name = draw(st.sampled_from(["public", "direction lr", 'b"'])), draw(_NAMES)
        columns = [
            column(one, type=draw(st.sampled_from(types)), not_null=draw(st.booleans()), comment=draw(_TEXT))
            for one in draw(st.lists(_NAMES, max_size=4, unique=True))
        ]
        tables[schema, name] = table(name, *columns, schema=schema, comment=draw(_TEXT))
    return Schema(fingerprint="f", tables=tuple(tables.values()), enums=(enum,))
