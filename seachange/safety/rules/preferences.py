"""J, first part: advice on the types of new columns, off by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._acts import find_acts
from seachange.safety.rules._made import MadeColumn, made_columns
from seachange.safety.rules._registry import Context, Rule, Verdict, rule

__all__ = [
    "enum_type",
    "fixed_char",
    "json_column",
    "limited_varchar",
    "serial_column",
    "small_key",
    "smallint_column",
    "zoneless_timestamp",
]

_SERIALS = ("serial", "serial4", "bigserial", "serial8", "smallserial", "serial2")
_SMALL_KEYS = ("integer", "smallint", "serial", "serial4", "smallserial", "serial2")


def _advice(number: int, name: str, title: str, *, reason: str, source: str, remedy: str, example: str) -> Rule:
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
        by_default=False,
        sized=False,
    )


def _said(rule_id: str, revision: RevisionFacts, sentence: Callable[[MadeColumn], str]) -> Iterator[Verdict]:
    for column in made_columns(revision):
        message = sentence(column)
        if message:
            yield column.act.verdict(rule_id, message)


@rule(
    _advice(
        1001,
        "small-key",
        "A primary key of 32 bits or less",
        reason=(
            "An integer key ends at 2,147,483,647, and a smallint at 32,767; deleted and rolled back rows use numbers up too. "
            "Making it larger later rewrites the table and every one that refers to it, under ACCESS EXCLUSIVE."
        ),
        source="PostgreSQL documentation, 8.1.1 Integer Types",
        remedy="bigint",
        example='sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True)',
    )
)
def small_key(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find primary keys of one integer or smallint column."""
    del context
    return _said("SC1001", revision, lambda column: _small(column) if column.key and column.type in _SMALL_KEYS else "")


@rule(
    _advice(
        1002,
        "smallint",
        "A smallint column",
        reason=(
            "It ends at 32,767, and rarely saves anything: the next column is aligned to 4 or 8 bytes in most rows. Making it "
            "larger later rewrites the table."
        ),
        source="PostgreSQL documentation, 8.1.1 Integer Types; Database Page Layout",
        remedy="integer",
        example='sa.Column("position", sa.Integer())',
    )
)
def smallint_column(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find new smallint columns that are no key."""
    del context
    small = ("smallint", "smallserial", "serial2")
    return _said(
        "SC1002", revision, lambda column: f"{column.qualified} ends at 32,767" if column.type in small and not column.key else ""
    )


@rule(
    _advice(
        1003,
        "char-n",
        "A char(n) column",
        reason=(
            "Values are padded with blanks to n characters, on disk too, and the blanks count in LIKE and not in =. There is "
            "no gain in speed or room."
        ),
        source="PostgreSQL documentation, 8.3 Character Types",
        remedy="text, with a CHECK on its length where n means something",
        example='sa.Column("country", sa.Text(), sa.CheckConstraint("length(country) = 2"))',
    )
)
def fixed_char(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find new char(n) columns."""
    del context
    return _said(
        "SC1003", revision, lambda column: f"{column.qualified} is {column.type}" if column.type.startswith("character(") else ""
    )


@rule(
    _advice(
        1004,
        "varchar-n",
        "A varchar(n) column",
        reason=(
            "A limit that turns out too short is a change of type; PostgreSQL makes it longer without a rewrite, but prepared "
            "statements fail meanwhile, and views that show the column forbid it. A CHECK can be replaced online."
        ),
        source="PostgreSQL documentation, 8.3 Character Types; measured: no rewrite on 12 to 18",
        remedy="text, with a CHECK on its length where the limit means something",
        example='sa.Column("name", sa.Text(), sa.CheckConstraint("length(name) <= 200"))',
    )
)
def limited_varchar(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find new varchar(n) columns."""
    del context
    return _said(
        "SC1004",
        revision,
        lambda column: f"{column.qualified} is {column.type}" if column.type.startswith("character varying(") else "",
    )


@rule(
    _advice(
        1005,
        "timestamp-without-time-zone",
        "A timestamp without time zone",
        reason=(
            "It stores what a clock on some wall showed, and not when that was: the hour that is repeated in autumn is "
            "ambiguous, and sessions with another TimeZone write other instants. It takes as much room as timestamptz."
        ),
        source="PostgreSQL documentation, 8.5.1.3 Time Stamps; PostgreSQL wiki, Don't Do This",
        remedy="timestamptz",
        example='sa.Column("created_at", sa.DateTime(timezone=True))',
    )
)
def zoneless_timestamp(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find new timestamp columns."""
    del context
    return _said(
        "SC1005",
        revision,
        lambda column: (
            f"{column.qualified} is {column.type}" if column.type.endswith("without time zone") and "stamp" in column.type else ""
        ),
    )


@rule(
    _advice(
        1006,
        "json",
        "A json column",
        reason=(
            "json keeps the text, blanks and doubled keys included, is parsed at each use, has no = and so stands in the way "
            "of DISTINCT, GROUP BY and UNION."
        ),
        source="PostgreSQL documentation, 8.14 JSON Types",
        remedy="jsonb",
        example='sa.Column("payload", postgresql.JSONB())',
    )
)
def json_column(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find new json columns."""
    del context
    return _said("SC1006", revision, lambda column: f"{column.qualified} is json" if column.type in ("json", "json[]") else "")


@rule(
    _advice(
        1007,
        "serial",
        "serial instead of an identity column",
        reason=(
            "serial is a default on a sequence that is only loosely tied to the column: privileges have to be granted for "
            "both, and any INSERT can send a number of its own. An identity column is what the standard has."
        ),
        source="PostgreSQL documentation, 5.3 Identity Columns; PostgreSQL wiki, Don't Do This",
        remedy="GENERATED ALWAYS AS IDENTITY",
        example='sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True)',
    )
)
def serial_column(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find new serial columns."""
    del context
    return _said("SC1007", revision, lambda column: f"{column.qualified} is {column.type}" if column.type in _SERIALS else "")


@rule(
    _advice(
        1008,
        "enum",
        "An enum instead of a lookup table",
        reason=(
            "Labels can be added and renamed, never removed or put elsewhere, and each change is DDL. A table with a foreign "
            "key can be changed by an INSERT, and carries what belongs to a value: a title, an order, whether it is still in "
            "use."
        ),
        source="PostgreSQL documentation, 8.7 Enumerated Types",
        remedy="a table of values and a foreign key, or text with a CHECK",
        example='sa.Column("state", sa.Text(), sa.ForeignKey("order_states.name"))',
    )
)
def enum_type(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find CREATE TYPE ... AS ENUM."""
    del context
    for act in find_acts(revision, "CreateEnumStmt"):
        name = ".".join(each.string.sval for each in act.node.type_name)
        yield act.verdict("SC1008", f"type {name} is an enum of {len(act.node.vals)} labels")


def _small(column: MadeColumn) -> str:
    last = "32,767" if column.type in ("smallint", "smallserial", "serial2") else "2,147,483,647"
    return f"the primary key {column.qualified} ({column.type}) ends at {last}"
