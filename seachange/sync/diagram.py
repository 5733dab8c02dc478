"""schema.md: the schema as diagrams and tables for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from seachange.postgres.catalog import Catalog, Column, Constraint, Domain, Table, View, qualified, short_type
from seachange.sync._markdown import code, prose, table
from seachange.sync._mermaid import diagrams

__all__ = ["describe_schema"]

_ORDER = ("primary key", "unique", "foreign key", "check", "exclusion", "not null")

_References = Mapping[tuple[str, str], Sequence[str]]


def describe_schema(catalog: Catalog, *, revision: str) -> str:
    """Return the schema as Markdown: a Mermaid diagram, then every table, view and type.

    :param catalog: the schema.
    :param revision: the revision of the database, for the header.
    """
    sections = (_header(catalog, revision), _diagrams(catalog), _tables(catalog), _views(catalog), _types(catalog))
    return "\n".join(line for section in sections for line in section).rstrip("\n") + "\n"


def _header(catalog: Catalog, revision: str) -> Iterator[str]:
    yield "# Schema"
    yield ""
    yield "Written by Seachange from the database; `invoke db.sync` writes it anew."
    yield ""
    yield f"- Revision: {code(revision) or 'none'}"
    yield f"- Catalogue: {code(catalog.fingerprint)}"
    yield ""


def _diagrams(catalog: Catalog) -> Iterator[str]:
    drawn = diagrams(catalog)
    for number, diagram in enumerate(drawn, start=1):
        yield f"## Diagram {number} of {len(drawn)}" if len(drawn) > 1 else "## Diagram"
        yield from ("", "```mermaid", diagram, "```", "")


def _tables(catalog: Catalog) -> Iterator[str]:
    if not catalog.tables:
        return
    yield from ("## Tables", "")
    partitions = _partitions(catalog)
    references = _referring(catalog)
    for one in catalog.tables:
        if not one.partition_bound:
            yield from _table(one, partitions.get(one.qualified, ()), references.get((one.schema, one.name), ()))


def _partitions(catalog: Catalog) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in catalog.tables:
        if one.partition_bound:
            found[one.inherits[0]].append(f"{code(one.qualified)} {code(one.partition_bound)}")
    return found


def _referring(catalog: Catalog) -> _References:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in catalog.tables:
        for key in one.foreign_keys:
            columns = ", ".join(map(qualified, key.columns))
            found[key.references_schema, key.references_table].append(f"{one.qualified} ({columns})")
    return found


def _table(one: Table, partitions: Sequence[str], references: Sequence[str]) -> Iterator[str]:
    yield from (f"### {code(_shown(one))}", "")
    if one.comment:
        yield from (prose(one.comment), "")
    if one.columns:
        yield from table(
            ("Column", "Type", "Null", "Default", "Key", "Comment"), (_column(column, one) for column in one.columns)
        )
        yield ""
    facts = list(_facts(one, partitions, references))
    if facts:
        yield from (*facts, "")


def _shown(one: Table | View) -> str:
    return qualified(one.name) if one.schema == "public" else one.qualified


def _column(column: Column, one: Table) -> tuple[str, ...]:
    null = "" if column.not_null else "yes"
    return (
        code(qualified(column.name)),
        code(short_type(column.type)),
        null,
        _default(column),
        _keys(column, one),
        prose(column.comment),
    )


def _default(column: Column) -> str:
    if column.identity:
        return f"identity, {column.identity}"
    if column.generated:
        return f"generated, {column.generated}: {code(column.default)}"
    return code(column.default)


def _keys(column: Column, one: Table) -> str:
    key_columns = one.primary_key.columns if one.primary_key else ()
    primary = ["PK"] if column.name in key_columns else []
    foreign = [f"FK → {code(_target(key))}" for key in one.foreign_keys if column.name in key.columns]
    unique = ["UK"] if (column.name,) in one.unique_keys and key_columns != (column.name,) else []
    return ", ".join((*primary, *foreign, *unique))


def _target(key: Constraint) -> str:
    table_name = qualified(key.references_table)
    if key.references_schema != "public":
        table_name = qualified(key.references_schema, key.references_table)
    return f"{table_name} ({', '.join(map(qualified, key.references_columns))})"


def _facts(one: Table, partitions: Sequence[str], references: Sequence[str]) -> Iterator[str]:
    if one.kind == "foreign table":
        yield f"- Foreign table of server {code(one.server)}"
    for constraint in sorted(one.constraints, key=lambda constraint: _ORDER.index(constraint.kind)):
        name, definition = code(qualified(constraint.name)), code(constraint.definition)
        yield f"- {constraint.kind.capitalize()} {name}: {definition}{_state(constraint)}"
    for index in one.indexes:
        note = f": {prose(index.comment)}" if index.comment else ""
        yield f"- Index {code(_without_create(index.definition))}{note}{'' if index.valid else ', INVALID'}"
    for referring in references:
        yield f"- Referred to by {code(referring)}"
    if one.inherits:
        yield f"- Inherits from {', '.join(map(code, one.inherits))}"
    if one.partition_key:
        yield f"- Partitioned by {code(one.partition_key)}"
    for partition in partitions:
        yield f"- Partition {partition}"
    if one.row_security:
        yield f"- Row security{', for its owner too' if one.force_row_security else ''}"
    for policy in one.policies:
        yield f"- Policy {code(qualified(policy.name))} for {policy.command}: {code(policy.using or policy.check)}"
    for trigger in one.triggers:
        state = "" if trigger.enabled == "origin" else f", {trigger.enabled}"
        yield f"- Trigger {code(_without_create(trigger.definition))}{state}"


def _state(constraint: Constraint) -> str:
    if not constraint.enforced:
        return ", not enforced"
    return "" if constraint.validated else ", not validated"


def _without_create(definition: str) -> str:
    return definition.removeprefix("CREATE INDEX ").removeprefix("CREATE TRIGGER ").removeprefix("CREATE ")


def _views(catalog: Catalog) -> Iterator[str]:
    if not catalog.views:
        return
    yield from ("## Views", "")
    for view in catalog.views:
        yield from (f"### {code(_shown(view))}{' (materialized)' if view.kind == 'materialized view' else ''}", "")
        if view.comment:
            yield from (prose(view.comment), "")
        rows = ((code(qualified(one.name)), code(short_type(one.type)), prose(one.comment)) for one in view.columns)
        yield from (*table(("Column", "Type", "Comment"), rows), "")


def _types(catalog: Catalog) -> Iterator[str]:
    rows = [
        *((one, "enum", ", ".join(code(label) or "(empty)" for label in one.labels)) for one in catalog.enums),
        *((one, "domain", code(_domain_text(one))) for one in catalog.domains),
        *((one, "composite", ", ".join(map(code, one.attributes))) for one in catalog.composites),
        *((one, "range", code(short_type(one.subtype))) for one in catalog.ranges),
    ]
    if rows:
        cells = ((code(one.qualified), kind, described, prose(one.comment)) for one, kind, described in rows)
        yield from ("## Types", "", *table(("Type", "Kind", "Of", "Comment"), cells), "")


def _domain_text(domain: Domain) -> str:
    words = [short_type(domain.type), *(["NOT NULL"] if domain.not_null else [])]
    words += [f"DEFAULT {domain.default}"] if domain.default else []
    return " ".join([*words, *(constraint.definition for constraint in domain.constraints)])
