"""F1 to F6, F10: what is dropped or emptied, by name and without being named."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.safety.facts import Dropped, LockMode, RevisionFacts, StatementFacts
from seachange.safety.rules._acts import Act, acts, existed, find_acts, table_after, table_before
from seachange.safety.rules._columns import added_here, column_before, former_name
from seachange.safety.rules._registry import Context, Rule, Verdict, rule
from seachange.safety.rules._words import listed

__all__ = ["cascade", "column_gone_with_type", "drop_column", "drop_schema", "drop_table", "replaced_table", "truncate"]

_PROOF = "`invoke migration.check` looks whether it is empty, `invoke db.backup` is the way back"
_MANY = 4
_COLUMN = "table column"
_DATA = (_COLUMN, "table", "materialized view", "foreign table")
# What goes with a column or a table in any case is no surprise.
_PARTS = ("default value", "index", "table constraint", "sequence", "trigger", "policy", "rule")


@rule(
    Rule(
        id="SC601",
        name="drop-table",
        title="DROP TABLE",
        severity="error",
        proof="proven",
        reason=(
            "The rows are gone when the transaction commits, and only a backup brings them back. Code that still runs fails with "
            "'relation does not exist'. A table that is empty, or that nobody has used since it was renamed, can go."
        ),
        source="PostgreSQL documentation, DROP TABLE",
        remedy=f"rename it first, drop it in a later release; {_PROOF}",
        example='op.rename_table("invoices_old", "dropped_invoices_old")  # and op.drop_table() a release later',
        sized=False,
    )
)
def drop_table(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find dropped tables that were there before, and are not made again by the same revision."""
    del context
    for act in find_acts(revision, "drop table", "drop foreign table"):
        if existed(revision, act.target) and _was_there(revision, act) and not _made_again(revision, act):
            yield act.verdict("SC601", f"DROP TABLE {act.target}: all its rows are gone{_columns(revision, act.target)}")


@rule(
    Rule(
        id="SC610",
        name="replaced-table",
        title="A table is dropped and made again",
        severity="error",
        proof="proven",
        reason=(
            "DROP TABLE followed by CREATE TABLE of the same name, often written to make a script repeatable, throws away the "
            "rows of the table that is there. Nothing fails, and the next reader finds it empty. Alembic has no `force`, "
            "which in other tools does the same."
        ),
        source="PostgreSQL documentation, DROP TABLE; strong_migrations, create_table force: true",
        remedy="alter the table as it is, or make the new one under another name, copy the rows, and swap the names",
        example='op.create_table("orders_new", sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True))',
        sized=False,
    )
)
def replaced_table(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find dropped tables that the same revision makes again."""
    del context
    for act in find_acts(revision, "drop table", "drop foreign table"):
        if existed(revision, act.target) and _was_there(revision, act) and _made_again(revision, act):
            yield act.verdict("SC610", f"{act.target} is dropped and made again: the rows that it has are gone")


@rule(
    Rule(
        id="SC602",
        name="drop-column",
        title="DROP COLUMN",
        severity="error",
        proof="proven",
        reason=(
            "The values cannot be read any more once the transaction commits. And the code that runs meanwhile still names the "
            "column: SQLAlchemy lists every mapped column in each SELECT and INSERT, so that all of them fail."
        ),
        source="PostgreSQL documentation, ALTER TABLE, DROP COLUMN; 'ALTER TABLE ... Notes'",
        remedy=(
            "release code that does not map the column, then drop it; `invoke migration.check --compatible-with REF` proves that "
            f"running code can do without; {_PROOF}"
        ),
        example=(
            "# release 1: take the column out of the model, let the database fill it\n"
            'op.alter_column("orders", "note", nullable=True)\n'
            "# release 2\n"
            'op.drop_column("orders", "note")'
        ),
        sized=False,
    )
)
def drop_column(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find dropped columns that were there before."""
    del context
    for act in find_acts(revision, "DropColumn"):
        if not act.statement.error and existed(revision, act.target) and not added_here(revision, act):
            before = column_before(revision, act)
            what = f"{act.name} ({before.type})" if before else act.name
            yield act.verdict("SC602", f"DROP COLUMN {what} of {act.target}: its values are gone, and code that names it fails")


@rule(
    Rule(
        id="SC603",
        name="drop-schema",
        title="DROP SCHEMA, DROP DATABASE, DROP OWNED",
        severity="error",
        proof="proven",
        reason=(
            "Everything in it goes at once, tables with their rows included. One transaction holds ACCESS EXCLUSIVE on all of "
            "them, which for large schemas also runs out of room for locks."
        ),
        source="PostgreSQL documentation, DROP SCHEMA; 20.12 Lock Management (max_locks_per_transaction)",
        remedy=f"drop what is in it by name, revision by revision, then the empty schema without CASCADE; {_PROOF}",
        example='op.execute("DROP SCHEMA archive RESTRICT")',
        sized=False,
    )
)
def drop_schema(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find dropped schemas that were there before, databases, and DROP OWNED."""
    del context
    before = {schema.qualified for schema in revision.before.schemas} if revision.before else None
    for act in acts(revision):
        if act.kind == "drop schema" and (before is None or act.target in before):
            gone = [one.name for one in act.statement.dropped if one.kind in _DATA]
            what = f": with it go {listed(gone)}" if gone else ""
            yield act.verdict("SC603", f"DROP SCHEMA {act.target}{' CASCADE' if act.cascade else ''}{what}")
        elif act.kind == "DropdbStmt":
            yield act.verdict("SC603", f"DROP DATABASE {act.node.dbname}")
        elif act.kind == "DropOwnedStmt":
            roles = ", ".join(each.role_spec.rolename or "the current role" for each in act.node.roles)
            yield act.verdict("SC603", f"DROP OWNED BY {roles}: everything in this database that it owns")


@rule(
    Rule(
        id="SC604",
        name="cascade",
        title="CASCADE drops what the statement does not name",
        severity="error",
        proof="proven",
        reason=(
            "CASCADE drops whatever depends on the object, and what depends on that: views, foreign keys of other tables, "
            "functions, columns. The list differs from database to database, and the server only mentions it in a notice."
        ),
        source="PostgreSQL documentation, 5.15 Dependency Tracking; the throwaway's event trigger sql_drop",
        remedy="drop by name what is to go, and leave CASCADE out: the server then refuses what was forgotten",
        example='op.execute("DROP VIEW paid_orders")\nop.drop_table("orders")',
        sized=False,
    )
)
def cascade(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find what CASCADE dropped, or could drop where nobody tried."""
    del context
    for statement, mine in _cascading(revision):
        gone = [one for one in statement.dropped if one.cascaded and one.kind not in _PARTS and not _is_named(one, mine)]
        keys = [one for one in statement.dropped if one.cascaded and one.kind == "table constraint" and not _is_named(one, mine)]
        if any(one.kind == _COLUMN for one in gone) or any(act.kind == "drop schema" for act in mine):
            continue
        if gone or keys:
            names = listed(f"{one.kind} {one.name}" for one in (*gone, *keys))
            yield mine[0].verdict("SC604", f"CASCADE also drops {names}")
        elif statement.provenance == "inferred" and any(existed(revision, act.target) for act in mine):
            message = f"CASCADE drops whatever depends on {mine[0].target}, without naming it"
            yield mine[0].verdict("SC604", message, severity="warning")


@rule(
    Rule(
        id="SC605",
        name="columns-dropped-by-cascade",
        title="CASCADE drops columns of tables, with their values",
        severity="error",
        proof="proven",
        reason=(
            "DROP TYPE, DROP DOMAIN and DROP EXTENSION with CASCADE drop every table column of the type. The tables stay, "
            "without the column and its values, and nothing in the text of the statement says so."
        ),
        source="PostgreSQL documentation, DROP TYPE; measured: DROP TYPE e CASCADE dropped 'table column public.t.e'",
        remedy="change the type of the columns first, then drop the type without CASCADE",
        example=(
            'op.alter_column("orders", "state", type_=sa.Text(), postgresql_using="state::text")\n'
            'op.execute("DROP TYPE order_state")'
        ),
        sized=False,
    )
)
def column_gone_with_type(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find columns that a CASCADE dropped from tables that stay."""
    del context
    for statement, mine in _cascading(revision):
        columns = [one for one in statement.dropped if one.cascaded and one.kind == _COLUMN and not _is_named(one, mine)]
        if columns and not any(act.kind == "drop schema" for act in mine):
            others = [
                f"{one.kind} {one.name}" for one in statement.dropped if one.cascaded and one.kind not in (*_PARTS, _COLUMN)
            ]
            more = f"; also {listed(others)}" if others else ""
            names = listed(one.name for one in columns)
            yield Verdict(
                rule="SC605",
                message=f"CASCADE drops {'column' if len(columns) == 1 else 'columns'} {names}, with all values{more}",
                statement=statement,
                table=columns[0].table,
            )


@rule(
    Rule(
        id="SC606",
        name="truncate",
        title="TRUNCATE",
        severity="error",
        proof="proven",
        reason=(
            "All rows are gone at commit, under ACCESS EXCLUSIVE. With CASCADE the rows of every table that refers to it go "
            "as well, and of those that refer to these, whatever ON DELETE says. Older snapshots see the table empty."
        ),
        source=(
            "PostgreSQL documentation, TRUNCATE; 13.6 Caveats; measured: TRUNCATE y CASCADE emptied the tables that refer to it"
        ),
        remedy=f"delete the rows that are to go by a condition; {_PROOF}",
        example="op.execute(\"DELETE FROM imports WHERE created_at < '2024-01-01'\")",
        sized=False,
    )
)
def truncate(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find emptied tables that were there before, with those that CASCADE empties."""
    del context
    named: dict[int, list[Act]] = {}
    for act in find_acts(revision, "TruncateStmt"):
        if existed(revision, act.target):
            named.setdefault(act.statement.number, []).append(act)
    for mine in named.values():
        statement, names = mine[0].statement, [act.target for act in mine]
        locked = [lock for lock in statement.new_locks if lock.mode is LockMode.ACCESS_EXCLUSIVE and lock.kind == "table"]
        others = [lock.relation for lock in locked if lock.relation not in names] if mine[0].cascade else []
        more = f"; CASCADE empties {listed(others)} as well" if others else ""
        if mine[0].cascade and statement.provenance == "inferred" and not others:
            more = "; CASCADE empties every table that refers to it as well"
        yield mine[0].verdict("SC606", f"TRUNCATE {listed(names)}: all rows are gone{more}")


def _was_there(revision: RevisionFacts, act: Act) -> bool:
    """Whether a table was there and is dropped: IF EXISTS may have found none, the server may have refused it."""
    if act.statement.error:
        return False
    return revision.before is None or table_before(revision, former_name(revision, act)[0]) is not None


def _made_again(revision: RevisionFacts, act: Act) -> bool:
    later = (each for each in find_acts(revision, "CreateStmt") if each.statement.number >= act.statement.number)
    return any(each.target == act.target for each in later)


def _columns(revision: RevisionFacts, name: str) -> str:
    known = table_before(revision, name)
    return f" ({len(known.columns)} columns)" if known and table_after(revision, name) is None else ""


def _cascading(revision: RevisionFacts) -> Iterator[tuple[StatementFacts, list[Act]]]:
    found: dict[int, list[Act]] = {}
    for act in acts(revision):
        if act.cascade and act.kind != "TruncateStmt":
            found.setdefault(act.statement.number, []).append(act)
    for mine in found.values():
        yield mine[0].statement, mine


def _is_named(one: Dropped, mine: list[Act]) -> bool:
    """Whether an object was named, or is a part of what was; a column that falls with another one of its table is neither."""
    return any(
        one.name == act.target or (one.table == act.target and (one.kind != _COLUMN or act.kind != "DropColumn")) for act in mine
    )
