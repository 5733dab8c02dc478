"""Catalogues that no server made, with names of all kinds."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from seachange.postgres.catalog import Catalog, Column, Constraint, EnumType, Table, TypeRef

__all__ = ["catalogs", "column", "foreign_key", "key", "table"]

INT = TypeRef(schema="pg_catalog", name="int4")


def column(name: str, *, not_null: bool = True, comment: str = "", type_ref: TypeRef = INT, text: str = "integer") -> Column:
    """Return a column."""
    return Column(name=name, type=text, type_ref=type_ref, not_null=not_null, comment=comment)


def key(*columns: str, kind: str = "primary key") -> Constraint:
    """Return a primary or unique key."""
    return Constraint(
        name="_".join([*columns, kind]), kind="unique" if kind == "unique" else "primary key", definition="", columns=columns
    )


def foreign_key(parent: str, **columns: str) -> Constraint:
    """Return a foreign key to a table of the schema public; each column is given with the one that it refers to."""
    return Constraint(
        name=f"to_{parent}",
        kind="foreign key",
        definition="",
        columns=tuple(columns),
        references_schema="public",
        references_table=parent,
        references_columns=tuple(columns.values()),
    )


def table(name: str, columns: Sequence[Column], *constraints: Constraint, schema: str = "public", comment: str = "") -> Table:
    """Return a table."""
    return Table(schema=schema, name=name, columns=tuple(columns), constraints=constraints, comment=comment)


# PostgreSQL's names and comments hold everything but NUL; in UTF-8 there are no surrogates.
_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
_NAMES = st.one_of(
    st.sampled_from(
        ["id", "pk", "FK", "uk-x", "class", "from", "self", "__x", "direction TB", "int", "Mood", "é", "a b", 'a"b', "%%{"]
    ),
    _TEXT.filter(bool),
)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Draw a schema of a few tables that refer to the first one."""
    tables: dict[tuple[str, str], Table] = {}
    for number in range(draw(st.integers(1, 3))):
        schema, name = draw(st.sampled_from(["public", "direction lr", 'b"'])), draw(_NAMES)
        names = draw(st.lists(_NAMES, min_size=1, max_size=4, unique=True))
        columns = [column(one, not_null=draw(st.booleans()), comment=draw(_TEXT)) for one in names]
        constraints = [key(names[0])] if number == 0 else [_reference(names[0], next(iter(tables.values())))]
        tables[schema, name] = table(name, columns, *constraints, schema=schema, comment=draw(_TEXT))
    labels = tuple(draw(st.lists(_TEXT, max_size=3, unique=True)))
    enum = EnumType(schema="public", name=draw(_NAMES), labels=labels, comment=draw(_TEXT))
    return Catalog(server_version=180000, tables=tuple(tables.values()), enums=(enum,))


def _reference(name: str, parent: Table) -> Constraint:
    return Constraint(
        name="fk",
        kind="foreign key",
        definition="",
        columns=(name,),
        references_schema=parent.schema,
        references_table=parent.name,
        references_columns=(parent.columns[0].name,),
    )
