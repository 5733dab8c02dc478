"""G1 to G7: changes that code which still runs may not survive."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Protocol

from seachange.postgres.catalog import Catalog
from seachange.safety import parsing
from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._acts import Act, existed, find_acts, relation_after
from seachange.safety.rules._columns import added_here, column_after, column_before
from seachange.safety.rules._registry import Context, Rule, Verdict, declare_decided, rule

__all__ = ["changed_default", "changed_type", "rename", "rename_column", "required_column"]


class _Qualified(Protocol):
    @property
    def qualified(self) -> str: ...


_PROVE = "`invoke migration.check --compatible-with REF` proves which statements of running code fail"
_SERIALS = frozenset({"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"})
_RENAMES = {
    "rename table": "table",
    "rename view": "view",
    "rename materialized view": "materialized view",
    "rename foreign table": "foreign table",
    "rename schema": "schema",
    "rename type": "type",
    "rename domain": "domain",
    "rename function": "function",
    "rename procedure": "procedure",
    "rename aggregate": "aggregate",
    "rename sequence": "sequence",
    "rename attribute": "attribute",
}


@rule(
    Rule(
        id="SC701",
        name="rename-column",
        title="RENAME COLUMN",
        severity="warning",
        proof="proven",
        reason=(
            "Between the moment when the revision commits and the moment when the last old process is gone, code with the old "
            "name runs on the new schema, and each of its statements that names the column fails. The other order, code "
            "first, fails in the same way."
        ),
        source="PostgreSQL documentation, ALTER TABLE, RENAME; measured by PREPARE of old statements on the new schema",
        remedy=(
            f"add the new column, write both, copy, read the new one, drop the old one, each in a release of its own; {_PROVE}"
        ),
        example=(
            'op.add_column("orders", sa.Column("customer_id", sa.BigInteger()))\n'
            "# the code writes both, then reads the new one; a later release:\n"
            'op.drop_column("orders", "client_id")'
        ),
        sized=False,
    )
)
def rename_column(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find renamed columns of tables and views that were there before, unless the old name still exists."""
    del context
    for act in find_acts(revision, "rename column"):
        if existed(revision, act.target) and not added_here(revision, act) and column_after(revision, act, act.new) is not None:
            after = relation_after(revision, act.target)
            if after is None or all(column.name != act.name for column in after.columns):
                yield _renamed_column(act)
        elif existed(revision, act.target) and revision.after is None and not added_here(revision, act):
            yield _renamed_column(act)


@rule(
    Rule(
        id="SC702",
        name="rename",
        title="A table, schema, type or the like gets another name",
        severity="warning",
        proof="proven",
        reason=(
            "Code that still runs names the old one and fails with 'does not exist'. For a table, a view of the old name that "
            "is made in the same transaction keeps simple SELECT, INSERT, UPDATE and DELETE working; then nothing is found "
            "here."
        ),
        source="PostgreSQL documentation, ALTER TABLE, RENAME; CREATE VIEW, Updatable Views",
        remedy=f"leave a view of the old name until no code uses it; {_PROVE}",
        example=('op.rename_table("clients", "customers")\nop.execute("CREATE VIEW clients AS SELECT * FROM customers")'),
        sized=False,
    )
)
def rename(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find renamed or moved objects, unless a relation of the old name is there afterwards."""
    del context
    for act in find_acts(revision, *_RENAMES, "AlterObjectSchemaStmt"):
        if act.kind == "AlterObjectSchemaStmt":
            what, message = _moved(act)
        else:
            what, message = _RENAMES[act.kind], f"{_RENAMES[act.kind]} {act.target} becomes {act.new}"
        if _was_known(revision, act, what):
            yield act.verdict("SC702", f"{message}: code that names the old one fails")


@rule(
    Rule(
        id="SC703",
        name="required-column",
        title="A new column is NOT NULL and has no default",
        severity="error",
        proof="proven",
        reason=(
            "On a table with rows ADD COLUMN ... NOT NULL without a default fails: 'column contains null values'. An empty "
            "throwaway server lets it pass, production does not. And whichever way the column became NOT NULL, an INSERT of "
            "code that does not know it yet fails as long as there is no default."
        ),
        source="PostgreSQL documentation, ALTER TABLE, ADD COLUMN; measured on 12 to 18",
        remedy=f"give it a default, or add it as nullable, fill it, and require it a release later; {_PROVE}",
        example='op.add_column("orders", sa.Column("state", sa.Text(), nullable=False, server_default="open"))',
        sized=False,
    )
)
def required_column(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find columns added to existing tables that end as NOT NULL without a default."""
    del context
    for act in find_acts(revision, "AddColumn"):
        if not existed(revision, act.target) or act.command is None or not added_here(revision, act):
            continue
        if _is_required(act):
            yield act.verdict(
                "SC703",
                f"ADD COLUMN {act.name} NOT NULL without a default fails if {act.target} has rows, and so does INSERT without it",
            )
            continue
        after = column_after(revision, act)
        if after and after.not_null and not (after.default or after.identity or after.generated):
            later = [each for each in find_acts(revision, "SetNotNull", "ColumnDefault") if _same_column(each, act)]
            yield (later[-1] if later else act).verdict(
                "SC703",
                f"{act.target}.{act.name} is new, NOT NULL and without a default: INSERT of code that does not know it fails",
                severity="warning",
            )


@rule(
    Rule(
        id="SC705",
        name="changed-default",
        title="A default is taken away or changed",
        severity="warning",
        proof="proven",
        reason=(
            "Code that leaves the column out of its INSERT relies on the default: without one the column becomes NULL, or the "
            "INSERT fails where it is NOT NULL. Rows that are there keep their values either way."
        ),
        source="PostgreSQL documentation, 5.2 Default Values; ALTER TABLE, DROP DEFAULT",
        remedy=f"release code that always sends the value, then drop the default; {_PROVE}",
        example='op.alter_column("orders", "state", server_default=None)  # a release after the code sends it',
        sized=False,
    )
)
def changed_default(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find defaults of old columns that are gone or other ones afterwards."""
    del context
    said: set[tuple[str, str]] = set()
    for act in find_acts(revision, "ColumnDefault"):
        if not existed(revision, act.target) or added_here(revision, act) or act.command is None:
            continue
        before, after = column_before(revision, act), column_after(revision, act)
        if (before is None) != (after is None) or (revision.before is not None and before is None):
            continue
        drops = not act.command.node.HasField("def")
        if before is None or after is None:
            if drops:
                yield act.verdict("SC705", f"the default of {act.target}.{act.name} is dropped")
            continue
        message = _default_change(before.default, after.default, not_null=after.not_null)
        key = (act.target, act.name)
        if message and before.type == after.type and key not in said:
            said.add(key)
            gone = not after.default
            yield act.verdict("SC705", f"{act.target}.{act.name}: {message}", severity=None if gone else "info")


@rule(
    Rule(
        id="SC706",
        name="changed-type",
        title="Running code sees another type",
        severity="warning",
        proof="proven",
        reason=(
            "A prepared statement that returns the column fails with 'cached plan must not change result type' once the type "
            "is another one, a longer varchar included. psycopg 3 prepares by itself what a connection runs for the sixth "
            "time, so that every pooled connection fails until it is made anew. SELECT * is hit by an added column as well. "
            "And drivers hand out other values: a number where a text was."
        ),
        source=(
            "PostgreSQL source, src/backend/utils/cache/plancache.c; psycopg documentation, Prepared statements; measured on "
            "12 to 18"
        ),
        remedy=(
            "restart the application's connections with the deployment, or set prepare_threshold=None until it is through; "
            f"better a new column beside the old one; {_PROVE}"
        ),
        example=(
            'op.add_column("orders", sa.Column("total_cents", sa.BigInteger()))\n'
            "# the code writes both and then reads the new one; a later release drops the old one"
        ),
        sized=False,
    )
)
def changed_type(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find old columns whose type is another one afterwards."""
    del context
    for act in find_acts(revision, "AlterColumnType"):
        if not existed(revision, act.target) or added_here(revision, act) or act.command is None:
            continue
        before, after = column_before(revision, act), column_after(revision, act)
        old, new = before.type if before else "", after.type if after else act.command.type
        if old != new:
            change = f"{old} becomes {new}" if old else f"becomes {new}"
            message = f"{act.target}.{act.name} {change}: prepared statements that return it fail until their connections are new"
            # With another length or precision alone the values are read as before.
            same = old.partition("(")[0] == new.partition("(")[0] and old.partition(")")[2] == new.partition(")")[2]
            yield act.verdict("SC706", message, severity="info" if same else None)


def _renamed_column(act: Act) -> Verdict:
    return act.verdict("SC701", f"column {act.name} of {act.target} becomes {act.new}: statements with the old name fail")


def _moved(act: Act) -> tuple[str, str]:
    what = parsing.enum_name(act.node, "object_type").removeprefix("OBJECT_").replace("_", " ").lower()
    return what, f"{what} {act.target} moves to schema {act.node.newschema}"


def _was_known(revision: RevisionFacts, act: Act, what: str) -> bool:
    """Whether an object was there before, as far as that is known, and nothing has its old name afterwards."""
    if revision.before is None or what in ("table", "view", "materialized view", "foreign table"):
        return existed(revision, act.target) and relation_after(revision, act.target) is None
    before, after = (_named(catalog, what) if catalog else None for catalog in (revision.before, revision.after))
    return (before is None or act.target in before) and (after is None or act.target not in after)


def _named(catalog: Catalog, what: str) -> frozenset[str] | None:
    """Return the names of a catalogue's objects of a kind, None for a kind that it does not list."""
    lists: dict[str, Iterable[_Qualified]] = {
        "schema": catalog.schemas,
        "sequence": catalog.sequences,
        **dict.fromkeys(("type", "domain"), (*catalog.enums, *catalog.domains, *catalog.composites, *catalog.ranges)),
        **dict.fromkeys(("function", "procedure", "aggregate"), catalog.functions),
    }
    return frozenset(each.qualified.partition("(")[0] for each in lists[what]) if what in lists else None


def _is_required(act: Act) -> bool:
    if act.command is None or act.command.type.rpartition(".")[2] in _SERIALS:
        return False
    kinds = {parsing.constraint_kind(each) for each in act.command.constraints}
    return bool(kinds & {"NOTNULL", "PRIMARY"}) and not kinds & {"DEFAULT", "IDENTITY", "GENERATED"}


def _same_column(one: Act, other: Act) -> bool:
    return (one.target, one.name) == (other.target, other.name)


def _default_change(before: str, after: str, *, not_null: bool) -> str:
    if before == after:
        return ""
    if not after:
        return (
            f"the default {before} is gone: {'INSERT without a value fails' if not_null else 'INSERT without a value gives NULL'}"
        )
    return f"the default {before} becomes {after}" if before else f"INSERT without a value now gives {after}"


_decided_elsewhere = functools.partial(declare_decided, proof="proven", by="migration.check --compatible-with")


_decided_elsewhere(
    704,
    "column-still-mapped",
    "A dropped column that deployed code still maps",
    reason=(
        "SQLAlchemy names every mapped column in each SELECT and INSERT, so that code which never looks at a column still "
        "fails when it is gone. Whether the deployed code maps it is in its models: every statement that they make is "
        "prepared on the migrated schema. DROP COLUMN itself is SC602."
    ),
    source="SQLAlchemy documentation, Column Loading Options; measured by PREPARE",
    remedy="take the column out of the model, deploy, and drop it in the next release",
    example='class Order(Base):\n    __mapper_args__ = {"exclude_properties": ["note"]}',
)
_decided_elsewhere(
    707,
    "discriminator",
    "A column that tells kinds of rows apart is new",
    reason=(
        "With single-table inheritance the mapper turns the discriminator into a class. Rows that new code writes with a kind "
        "that the deployed code does not know make its queries fail: 'No such polymorphic_identity'. The deployed models say "
        "which kinds they know."
    ),
    source=(
        "SQLAlchemy documentation, Mapping Class Inheritance Hierarchies; online_migrations, Adding a single table "
        "inheritance column"
    ),
    remedy="deploy code that knows the new kind before any row of it is written",
)
_decided_elsewhere(
    713,
    "one-release",
    "Code and a change that it does not survive come in one release",
    reason=(
        "A change that breaks the code before it needs two releases: one whose code can do with both schemas, and one that "
        "changes the schema. The version class of the change, additive, breaking or neutral, says which release it may be "
        "part of."
    ),
    source="docs/plan.md; Ambler and Sadalage, Refactoring Databases, ch. 2",
    remedy='hold the revision back by `requires_release = "2.4.0"` until code that survives it is deployed',
    example='requires_release = "2.4.0"  # in the revision, beside down_revision',
)
