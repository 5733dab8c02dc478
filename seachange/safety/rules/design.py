"""J, second part: advice on tables, names and options, off by default."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seachange.postgres.catalog import Column
from seachange.safety import parsing
from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._acts import Act, acts, find_acts, table_after
from seachange.safety.rules._made import made_columns, made_tables
from seachange.safety.rules._registry import Context, Rule, Verdict, declare, rule
from seachange.safety.rules._words import listed

__all__ = [
    "column_order",
    "doubled_column",
    "extension_version",
    "long_identifier",
    "name_needs_quotes",
    "toast_compression",
    "unqualified_name",
    "without_key",
]

_LENGTHS = {
    **dict.fromkeys(("bigint", "double precision", "timestamp", "timestamptz", "time", "money", "xid8", "pg_lsn"), (8, 8)),
    **dict.fromkeys(("integer", "real", "date", "oid", "regclass", "xid"), (4, 4)),
    "smallint": (2, 2),
    "boolean": (1, 1),
    '"char"': (1, 1),
    "uuid": (16, 1),
    "interval": (16, 8),
    "timetz": (12, 8),
}
_WORTH = 8
_QUOTED = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_NAME = re.compile(r'"(?:[^"]|"")+"|[^\W\d][\w$]+')
_LONGEST = 63
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_COMPRESSED = ("jsonb", "json", "bytea", "xml")


def _advice(
    number: int, name: str, title: str, *, reason: str, source: str, remedy: str, example: str, majors: tuple[int, int] = (0, 0)
) -> Rule:
    return Rule(
        id=f"SC{number}",
        name=name,
        title=title,
        severity="info",
        proof="inferred",
        reason=reason,
        source=source,
        remedy=remedy,
        example=example,
        majors=majors,
        by_default=False,
        sized=False,
    )


@rule(
    _advice(
        1009,
        "no-primary-key",
        "A table without a primary key",
        reason=(
            "Nothing names a single row: logical replication refuses UPDATE and DELETE, two equal rows cannot be told apart, "
            "and an ORM cannot map the table."
        ),
        source="PostgreSQL documentation, 5.5.4 Primary Keys; 29.1.1 Replica Identity",
        remedy="give it one",
        example='op.create_table("notes", sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True))',
    )
)
def without_key(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find new tables that have none when the revision is done."""
    del context
    keyed = {column.act.target for column in made_columns(revision) if column.key}
    keyed |= {act.target for act in acts(revision) if _adds_key(act)}
    for act in made_tables(revision):
        after = table_after(revision, act.target)
        has = after.primary_key is not None if after else act.target in keyed or _has_key(act)
        gone = revision.after is not None and after is None
        if not has and not gone:
            yield act.verdict("SC1009", f"{act.target} has no primary key")


@rule(
    _advice(
        1010,
        "column-order",
        "Columns in an order that wastes room",
        reason=(
            "A value of 8 bytes begins at a multiple of 8, so that a boolean before a bigint takes 8 bytes instead of one. "
            "Over millions of rows that is memory and disk. The order can only be chosen when the table is made."
        ),
        source="PostgreSQL documentation, Database Page Layout; pg_type.typalign",
        remedy="8-byte columns first, then those of 4, 2 and 1, those of variable length last",
        example='op.create_table("t", sa.Column("id", sa.BigInteger()), sa.Column("on", sa.Boolean()))',
    )
)
def column_order(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find new tables whose columns of fixed length could take 8 bytes a row less in another order."""
    del context
    for act in made_tables(revision):
        after = table_after(revision, act.target)
        if after is None:
            continue
        lengths = [found for column in after.columns if (found := _length(column))]
        wasted = _room(lengths) - _room(sorted(lengths, key=lambda each: (-each[1], -each[0])))
        if wasted >= _WORTH:
            yield act.verdict("SC1010", f"the order of the columns of {act.target} wastes {wasted} bytes in each row")


@rule(
    _advice(
        1011,
        "long-identifier",
        "A name of more than 63 bytes",
        reason=(
            "PostgreSQL cuts it and says so in a notice only. Two names that differ behind the 63rd byte are then one, and "
            "code that compares names finds neither."
        ),
        source="PostgreSQL documentation, 4.1.1 Identifiers and Key Words",
        remedy="choose a shorter one",
        example='op.create_index("ix_orders_customer", "orders", ["customer_id"])',
    )
)
def long_identifier(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find such words in the text, outside of strings."""
    del context
    for statement in revision.statements:
        names = dict.fromkeys(name.strip('"') for name in _NAME.findall(_QUOTED.sub("''", statement.sql)))
        for name in names:
            if len(name.encode()) > _LONGEST:
                message = f"{name} has {len(name.encode())} bytes, of which the server keeps {_LONGEST}"
                yield Verdict(rule="SC1011", message=message, statement=statement)


@rule(
    _advice(
        1012,
        "unqualified-name",
        "A table without its schema",
        reason=(
            "Where it is found, or made, depends on the search_path of the session that runs the revision, which a role, a "
            "database or a connection string may set."
        ),
        source="PostgreSQL documentation, 5.10.3 The Schema Search Path",
        remedy="name the schema",
        example='op.add_column("orders", sa.Column("note", sa.Text()), schema="shop")',
    )
)
def unqualified_name(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find tables that a statement names without a schema, once for each statement and table."""
    del context
    said: set[tuple[int, str]] = set()
    for act in acts(revision):
        local = {each.ctename for each in parsing.find(act.node, "CommonTableExpr")}
        for relation in parsing.find(act.node, "RangeVar"):
            name = relation.relname
            if not relation.schemaname and name not in local and (act.statement.number, name) not in said:
                said.add((act.statement.number, name))
                yield act.verdict("SC1012", f"{name} is looked up by the search_path")


@rule(
    _advice(
        1013,
        "name-needs-quotes",
        "A name that has to be quoted",
        reason=(
            "A name with capitals, blanks or a leading digit must be written in double quotes wherever it is used; without "
            "them PostgreSQL folds it to lower case and finds nothing. Names by another policy of yours are a rule of your "
            "own (SC1017)."
        ),
        source="PostgreSQL documentation, 4.1.1 Identifiers and Key Words",
        remedy="lower case, digits and underscores",
        example='op.add_column("orders", sa.Column("created_at", sa.DateTime(timezone=True)))',
    )
)
def name_needs_quotes(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find such names of new tables, columns and indexes."""
    del context
    named = [(act, act.node.relation.relname) for act in made_tables(revision)]
    named += [(column.act, column.name) for column in made_columns(revision)]
    named += [(act, act.node.idxname) for act in find_acts(revision, "IndexStmt") if act.node.idxname]
    named += [(act, act.new) for act in acts(revision) if act.kind.startswith("rename ")]
    for act, name in named:
        if not _PLAIN.fullmatch(name):
            yield act.verdict("SC1013", f'"{name}" has to be quoted wherever it is used')


@rule(
    _advice(
        1014,
        "extension-version",
        "CREATE EXTENSION without a version",
        reason=(
            "It installs whichever version the server's packages have, so that two servers with the same history differ. "
            "Naming one in turn fails where a server has only another."
        ),
        source="PostgreSQL documentation, CREATE EXTENSION",
        remedy="name the version, where the same one is to be had everywhere",
        example="op.execute(\"CREATE EXTENSION citext VERSION '1.6'\")",
    )
)
def extension_version(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find CREATE EXTENSION without VERSION."""
    del context
    for act in find_acts(revision, "CreateExtensionStmt"):
        if "new_version" not in parsing.option_names(act.node.options):
            yield act.verdict("SC1014", f"extension {act.node.extname} comes in whichever version the server has")


@rule(
    _advice(
        1015,
        "toast-compression",
        "Large values compressed by pglz",
        reason=(
            "lz4 compresses and reads large values several times faster than pglz, the default, for slightly more room. It "
            "holds for values that are written afterwards, and needs a server that was built with it."
        ),
        source="PostgreSQL documentation, CREATE TABLE, COMPRESSION; 20.11.1 (default_toast_compression)",
        remedy="set default_toast_compression = lz4 for the server, or COMPRESSION lz4 for the column",
        example='op.execute("ALTER TABLE events ALTER payload SET COMPRESSION lz4")',
        majors=(14, 0),
    )
)
def toast_compression(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find new columns of types with large values that are compressed by the default."""
    settings = context.environment.settings if context.environment else {}
    for column in made_columns(revision):
        default = column.act.statement.settings.get(
            "default_toast_compression", settings.get("default_toast_compression", "pglz")
        )
        if column.type in _COMPRESSED and not column.node.compression and default != "lz4":
            yield column.act.verdict("SC1015", f"{column.qualified} ({column.type}) is compressed by {default}")


@rule(
    _advice(
        1016,
        "doubled-column",
        "A column is given two values",
        reason="PostgreSQL refuses: 'multiple assignments to same column', or 'column specified more than once'.",
        source="PostgreSQL documentation, UPDATE; INSERT",
        remedy="leave one of them out",
        example="op.execute(\"UPDATE orders SET state = 'open' WHERE state IS NULL\")",
    )
)
def doubled_column(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find UPDATE and INSERT that name a column twice."""
    del context
    for act in find_acts(revision, "UpdateStmt", "InsertStmt"):
        targets = [each.res_target for each in (act.node.target_list if act.kind == "UpdateStmt" else act.node.cols)]
        names = [each.name for each in targets if not each.indirection]
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            yield act.verdict("SC1016", f"{listed(twice)} of {act.target} is given two values")


def _adds_key(act: Act) -> bool:
    constraint = act.command.constraint if act.command else None
    return constraint is not None and parsing.constraint_kind(constraint) == "PRIMARY"


def _has_key(act: Act) -> bool:
    elements = (each.constraint for each in act.node.table_elts if each.HasField("constraint"))
    return any(parsing.constraint_kind(each) == "PRIMARY" for each in elements)


def _length(column: Column) -> tuple[int, int] | None:
    """Return the bytes and the alignment of a column of fixed length; values of variable length may begin anywhere."""
    if column.type_ref.kind == "enum" and not column.type_ref.array:
        return (4, 4)
    name = re.sub(r"\(\d+\)", "", column.type)
    name = (
        name.replace(" without time zone", "")
        .replace("timestamp with time zone", "timestamptz")
        .replace("time with time zone", "timetz")
    )
    return _LENGTHS.get(name)


def _room(lengths: list[tuple[int, int]]) -> int:
    """Return the bytes that values of these lengths and alignments take in this order, to the next multiple of 8."""
    offset = 0
    for length, alignment in lengths:
        offset += -offset % alignment + length
    return offset + -offset % 8


declare(
    Rule(
        id="SC1017",
        name="own-rules",
        title="Rules of your own",
        severity="info",
        proof="policy",
        reason=(
            "Naming policies, required columns, forbidden types: what holds in one house only is a function over the same "
            "facts, in a module of the project or in a package."
        ),
        source="docs/rules/README.md",
        remedy="setting `lint.rules` names modules; packages offer theirs under the entry point seachange.rules",
        example=(
            '@rule(Rule(id="ACME1", name="audit-column", title="...", severity="warning", proof="proven", ...))\n'
            "def audit_column(revision, context):\n"
            "    ..."
        ),
        by_default=False,
        sized=False,
        decided_by="migration.lint with your modules (lint.rules)",
    )
)
