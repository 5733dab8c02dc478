"""Schemas that no server made, with names of all kinds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hypothesis import strategies as st

from seachange.sync.model import Column, Enum, ForeignKey, Key, Schema, Table, Type

__all__ = ["column", "foreign_key", "key", "schema_of", "schemas", "table"]

INT = Type(text="integer", schema="pg_catalog", name="int4")


def column(name: str, *, not_null: bool = True, comment: str = "", type_: Type = INT, default: str = "") -> Column:
    """Return a column."""
    return Column(name=name, type=type_, not_null=not_null, nullable=not not_null, comment=comment, default=default)


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


def table(name: str, columns: Sequence[Column], *foreign_keys: ForeignKey, schema: str = "public", primary: str = "") -> Table:
    """Return a table; ``primary`` names the columns of its primary key."""
    return Table(
        schema=schema,
        name=name,
        columns=tuple(columns),
        foreign_keys=foreign_keys,
        primary_key=key(*primary.split()) if primary else None,
    )


def schema_of(*tables: Table) -> Schema:
    """Return a schema of these tables."""
    return Schema(fingerprint="f00d", revision="r1", server_major=18, schemas=("public",), tables=tables)


# PostgreSQL's names and comments hold everything but NUL; in UTF-8 there are no surrogates.
_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
_WORDS = "id|pk|FK|uk-x|class|from|index|con|direction TB|int|Mood|é|a b|a\"b|%%{|</script>|<b>|a/b|..|A|a|-->|'''|]]>|&amp;"
_NAMES = st.one_of(st.sampled_from(_WORDS.split("|")), _TEXT.filter(bool))


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Draw a schema of a few tables that refer to the first one."""
    tables: dict[tuple[str, str], Table] = {}
    for number in range(draw(st.integers(1, 3))):
        schema, name = draw(st.sampled_from(["public", "direction lr", 'b"'])), draw(_NAMES)
        if (schema, name) in tables:
            continue
        names = draw(st.lists(_NAMES, min_size=1, max_size=4, unique=True))
        columns = [column(one, not_null=draw(st.booleans()), comment=draw(_TEXT), default=draw(_TEXT)) for one in names]
        made = Table(schema=schema, name=name, columns=tuple(columns), comment=draw(_TEXT))
        if number == 0:
            made = dataclasses.replace(made, primary_key=key(names[0]))
        else:
            made = dataclasses.replace(made, foreign_keys=(_reference(names[0], next(iter(tables.values()))),))
        tables.setdefault((schema, name), made)
    labels = tuple(draw(st.lists(_TEXT, max_size=3, unique=True)))
    free = _NAMES.filter(lambda name: ("public", name) not in tables)
    enum = Enum(schema="public", name=draw(free), labels=labels, comment=draw(_TEXT))
    ordered = tuple(tables[one] for one in sorted(tables))
    return Schema(fingerprint="f00d", revision=draw(_TEXT), server_major=18, tables=ordered, enums=(enum,))


def _reference(name: str, parent: Table) -> ForeignKey:
    return ForeignKey(
        name="fk",
        columns=(name,),
        references_schema=parent.schema,
        references_table=parent.name,
        references_columns=(parent.columns[0].name,),
    )
