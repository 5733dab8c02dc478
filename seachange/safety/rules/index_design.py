"""Section C, what indexes are for: lost and double ones, their names, kinds and statistics."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seachange.postgres.catalog import Index, Table, View
from seachange.safety.facts import RevisionFacts
from seachange.safety.parsing import Node, dropped_names, enum_name, names, option_names
from seachange.safety.rules import Context, Rule, Verdict, rule
from seachange.safety.rules._added import added_indexes
from seachange.safety.rules._steps import Step, steps, steps_of, table_of
from seachange.safety.rules._words import count_of, listed

__all__ = [
    "analyze_missing",
    "build_takes_long",
    "dropped_before_replaced",
    "gin_on_jsonb",
    "guarantee_dropped",
    "hash_index",
    "indexes_vanish",
    "redundant_index",
    "unnamed_index",
    "wide_index",
]

_ONLINE = """\
with op.get_context().autocommit_block():
    op.create_index("orders_customer_id", "orders", ["customer_id"], postgresql_concurrently=True)"""


@rule(
    Rule(
        id="SC308",
        name="dropped-before-replaced",
        title="An index is dropped before the one that replaces it exists",
        severity="warning",
        proof="proven",
        reason="Between the two statements, or, in one transaction, for the whole build under lock, queries that relied on "
        "the old index read the table.",
        source="CREATE INDEX; DROP INDEX",
        remedy="build the new index concurrently first, then drop the old one concurrently",
        example=_ONLINE + '\n    op.drop_index("orders_customer_id_old", "orders", postgresql_concurrently=True)',
    )
)
def dropped_before_replaced(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield dropped indexes for which a later statement builds one with the same first column."""
    if facts.before is None:
        return
    owners = {index.name: (table.qualified, index) for table in facts.before.tables for index in table.indexes}
    built = list(steps(facts, "IndexStmt"))
    for step in steps(facts, "DropStmt"):
        for name in _dropped_indexes(step.node):
            table, index = owners.get(name, ("", None))
            later = [each for each in built if each.table == table and each.statement.number > step.statement.number]
            heirs = [each for each in later if index and _first_column(each.node) == index.columns[0]]
            if heirs:
                heir = heirs[0].node.idxname or "its successor"
                message = f"index {name} of {table} is dropped before {heir} is built: meanwhile queries read the table"
                yield Verdict(rule="SC308", message=message, statement=step.statement, table=table)


@rule(
    Rule(
        id="SC309",
        name="indexes-vanish",
        title="Dropping a column drops its indexes silently",
        severity="warning",
        proof="proven",
        reason="Every index that has the column, also one over several columns that queries on the others need, goes with "
        "it, under ACCESS EXCLUSIVE and without being named.",
        source="ALTER TABLE, DROP COLUMN; the sql_drop event trigger",
        remedy="build what the other columns need and drop the index, both concurrently, before the column",
        example="with op.get_context().autocommit_block():\n"
        '    op.drop_index("orders_code_placed", "orders", postgresql_concurrently=True)\n'
        'op.drop_column("orders", "code")',
    )
)
def indexes_vanish(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield indexes that went with a column."""
    for statement in facts.statements:
        indexes = [each.name for each in statement.dropped if each.kind == "index" and each.cascaded]
        columns = [step for step in steps_of(statement, "DropColumn", facts=facts) if step.existed] if indexes else []
        if columns:
            dropped = listed(step.name for step in columns)
            message = f"dropping column {dropped} of {columns[0].table} drops {listed(sorted(indexes))} too"
            yield Verdict(rule="SC309", message=message, statement=statement, table=columns[0].table)


@rule(
    Rule(
        id="SC310",
        name="redundant-index",
        title="A new index does what another one does already",
        severity="warning",
        proof="proven",
        reason="A btree index on (a, b) serves queries on a as well. A second index on a costs every write, the cache and "
        "the disk, and answers nothing that the first one does not.",
        source="11.3 Multicolumn Indexes; the catalogue after the revision",
        remedy="leave the new index away, or drop the old one concurrently",
        example="# orders_customer_id_placed on (customer_id, placed) serves customer_id as well",
    )
)
def redundant_index(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield added indexes that are equal to another, or the beginning of another."""
    for table, index, statement in added_indexes(facts):
        others = [each for each in table.indexes if each.name != index.name and each.valid]
        twin = next((each.name for each in others if _shape(each) == _shape(index)), "")
        longer = twin or next((each.name for each in others if _serves(each, index)), "") or _key(table, index)
        if longer:
            how = "is the same as" if twin else "is the beginning of"
            message = f"index {index.name} on {table.qualified} ({', '.join(index.columns)}) {how} {longer}"
            yield Verdict(rule="SC310", message=message, statement=statement, table=table.qualified)


@rule(
    Rule(
        id="SC311",
        name="wide-index",
        title="An index has more than three columns",
        severity="info",
        proof="policy",
        reason="Columns after the third seldom narrow a search further, and make the index large and slow to keep up. A "
        "unique index, which is there for its guarantee, is not meant.",
        source="11.3 Multicolumn Indexes",
        remedy="keep the most selective columns; add others by INCLUDE if only an index-only scan needs them",
        example='op.create_index("orders_code", "orders", ["code"], postgresql_include=["placed", "total"])',
    )
)
def wide_index(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield new indexes with more than three columns."""
    for step in steps(facts, "IndexStmt"):
        count = len(step.node.index_params)
        if count > 3 and not step.node.unique:
            message = f"index {step.node.idxname} on {step.table} has {count_of(count, 'column')}"
            yield Verdict(rule="SC311", message=message, statement=step.statement, table=step.table, provenance="policy")


@rule(
    Rule(
        id="SC312",
        name="hash-index",
        title="A hash index does less than a btree",
        severity="info",
        proof="policy",
        reason="A hash index answers equality only: no ranges, no order, no uniqueness, no second column. It is smaller than "
        "a btree for long keys, and rarely faster.",
        source="64.6 Hash Indexes",
        remedy="use a btree, unless long keys are looked up by equality only and the size was measured",
        example=_ONLINE,
    )
)
def hash_index(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield new hash indexes."""
    for step in steps(facts, "IndexStmt"):
        if step.node.access_method == "hash":
            message = f"index {step.node.idxname} on {step.table} is a hash index: it answers equality only"
            yield Verdict(rule="SC312", message=message, statement=step.statement, table=step.table, provenance="policy")


@rule(
    Rule(
        id="SC314",
        name="unnamed-index",
        title="An index is created without a name",
        severity="info",
        proof="policy",
        reason="The server makes a name up from the columns, and another one where that is taken, so the same history may "
        "give two databases two names, and a later DROP INDEX fails on one of them.",
        source="CREATE INDEX, name",
        remedy="name the index, or give the MetaData a naming_convention",
        example='metadata = sa.MetaData(naming_convention={"ix": "%(table_name)s_%(column_0_N_name)s"})',
    )
)
def unnamed_index(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield new indexes that the statement does not name."""
    for step in steps(facts, "IndexStmt"):
        if not step.node.idxname:
            message = f"an index on {step.table} has no name: the server makes one up"
            yield Verdict(rule="SC314", message=message, statement=step.statement, table=step.table, provenance="policy")


@rule(
    Rule(
        id="SC315",
        name="guarantee-dropped",
        title="An index that is dropped gave a guarantee, or is in use",
        severity="warning",
        proof="proven",
        reason="A unique index is a constraint in all but name: from now on equal rows come in silently, and ON CONFLICT on "
        "its columns fails. Whether queries use an index only pg_stat_user_indexes knows, on every replica.",
        source="DROP INDEX; 27.2 The Cumulative Statistics System, pg_stat_user_indexes",
        remedy="replace it by another unique index on the same columns first, or make sure that nothing relies on it",
        example=_ONLINE,
    )
)
def guarantee_dropped(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield unique indexes that are dropped without another unique key on the same columns."""
    for step in steps(facts, "DropStmt"):
        for table in facts.before.tables if facts.before else ():
            after = table_of(facts.after, table.qualified)
            if not isinstance(after, Table) or step.statement.error:
                continue
            dropped = [each for each in table.indexes if each.unique and each.name in _dropped_indexes(step.node)]
            for index in dropped:
                if index.columns not in after.unique_keys:
                    message = (
                        f"{table.qualified} is not unique in ({', '.join(index.columns)}) any more without index {index.name}"
                    )
                    yield Verdict(rule="SC315", message=message, statement=step.statement, table=table.qualified)
        yield from _in_use(step, context)


@rule(
    Rule(
        id="SC317",
        name="gin-on-jsonb",
        title="A GIN index on jsonb keeps every key and value",
        severity="info",
        proof="policy",
        reason="The default operator class jsonb_ops also answers which keys exist, and is several times as large as "
        "jsonb_path_ops, which answers containment (@>) and paths only, as most queries ask.",
        source="8.14.4 jsonb Indexing; 65.4 GIN Indexes",
        remedy="use jsonb_path_ops where only containment is asked, or a btree on the one expression that is",
        example='ops = {"data": "jsonb_path_ops"}\n'
        'op.create_index("orders_data", "orders", ["data"], postgresql_using="gin", postgresql_ops=ops)',
        by_default=False,
    )
)
def gin_on_jsonb(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield new GIN indexes on jsonb columns with the default operator class."""
    for table, index, statement in added_indexes(facts):
        types = {column.name: column.type for column in table.columns}
        columns = [name for name in index.columns if types.get(name) == "jsonb"]
        if "USING gin" in index.definition and columns and "jsonb_path_ops" not in index.definition:
            message = f"index {index.name} on {table.qualified} keeps every key and value of {listed(columns)}"
            yield Verdict(rule="SC317", message=message, statement=statement, table=table.qualified, provenance="policy")


@rule(
    Rule(
        id="SC318",
        name="analyze-missing",
        title="A new index on an expression has no statistics until the next ANALYZE",
        severity="warning",
        proof="proven",
        reason="The planner knows how values of an expression are spread only from ANALYZE after the index was built. "
        "Autovacuum comes when enough rows have changed, not because of an index; until then plans rest on a guess.",
        source="ANALYZE; 14.2 Statistics Used by the Planner",
        remedy="ANALYZE the table after the build",
        example="with op.get_context().autocommit_block():\n"
        '    op.create_index("users_email", "users", [sa.text("lower(email)")], postgresql_concurrently=True)\n'
        '    op.execute("ANALYZE users")',
    )
)
def analyze_missing(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield new expression indexes of tables that were there, without an ANALYZE after them."""
    analyzed = [(step.statement.number, table) for step in _analyzes(facts) for table in _vacuumed(step)]
    for step in steps(facts, "IndexStmt"):
        expressions = [each for each in step.node.index_params if each.index_elem.HasField("expr")]
        after = {table for number, table in analyzed if number > step.statement.number}
        if expressions and step.existed and step.statement.error is None and not after & {step.table, ""}:
            message = (
                f"index {step.node.idxname} is on an expression of {step.table}, of which the planner knows nothing until ANALYZE"
            )
            yield Verdict(rule="SC318", message=message, statement=step.statement, table=step.table)


@rule(
    Rule(
        id="SC319",
        name="build-takes-long",
        title="An index of a large table takes long to build",
        severity="info",
        proof="data",
        reason="A build sorts all keys: in maintenance_work_mem while they fit, on disk afterwards. Concurrent builds read "
        "the table twice. Hours are normal for very large tables, during which VACUUM cannot remove what the build "
        "may still see.",
        source="CREATE INDEX, Notes; 19.4 Resource Consumption, maintenance_work_mem; sizes of the live catalogue or a "
        "statistics file",
        remedy="raise maintenance_work_mem and max_parallel_maintenance_workers for the session, and build at a quiet time",
        example="op.execute(\"SET maintenance_work_mem TO '1GB'\")",
    )
)
def build_takes_long(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Yield indexes that are built on tables known to be large."""
    sizes = context.statistics.tables if context.statistics else {}
    for step in steps(facts, "IndexStmt"):
        known = sizes.get(step.table)
        if known and (known.rows or 0) >= context.thresholds.large_rows:
            message = f"building index {step.node.idxname} sorts the keys of {known.rows:,} rows of {step.table}"
            yield Verdict(rule="SC319", message=message, statement=step.statement, severity="info", provenance="data")


def _in_use(step: Step, context: Context) -> Iterator[Verdict]:
    """Yield dropped indexes that queries of the real database have used."""
    known = context.statistics.indexes if context.statistics else {}
    for name in dropped_names(step.node) if _dropped_indexes(step.node) else ():
        found = known.get(name)
        if found is not None and found.scans:
            since = f" since {context.statistics.since}" if context.statistics and context.statistics.since else ""
            message = f"index {name} of {found.table} was used {found.scans:,} times{since}"
            yield Verdict(rule="SC315", message=message, statement=step.statement, severity="warning", provenance="data")


def _analyzes(facts: RevisionFacts) -> Iterator[Step]:
    for step in steps(facts, "VacuumStmt"):
        if not step.node.is_vacuumcmd or "analyze" in option_names(step.node.options):
            yield step


def _vacuumed(step: Step) -> list[str]:
    """Return the tables that VACUUM or ANALYZE names; nothing stands for all of them."""
    return [step.place(each.vacuum_relation.relation) for each in step.node.rels] or [""]


def _dropped_indexes(node: Node) -> tuple[str, ...]:
    if enum_name(node, "remove_type") != "OBJECT_INDEX":
        return ()
    return tuple(names(each.list.items)[-1] for each in node.objects)


def _first_column(node: Node) -> str:
    return str(node.index_params[0].index_elem.name)


def _shape(index: Index) -> str:
    """Return a definition without the name of the index."""
    return re.sub(r"INDEX (\"[^\"]+\"|\S+) ON", "INDEX ON", index.definition, count=1)


def _plain_btree(index: Index) -> bool:
    return "USING btree" in index.definition and not index.partial and all(index.columns) and "INCLUDE" not in index.definition


def _keys_of(index: Index) -> list[str]:
    return index.definition.partition("USING btree (")[2].rpartition(")")[0].split(", ")


def _serves(other: Index, index: Index) -> bool:
    """Return whether another index begins with the same columns, in the same order and classes."""
    mine = _keys_of(index)
    return _plain_btree(other) and _plain_btree(index) and not index.unique and _keys_of(other)[: len(mine)] == mine


def _key(table: Table | View, index: Index) -> str:
    """Return the constraint whose index begins with the same columns."""
    if not isinstance(table, Table) or not _plain_btree(index):
        return ""
    count = len(index.columns)
    plain = all(key == name for key, name in zip(_keys_of(index), index.columns, strict=False))
    for each in table.constraints:
        fits = each.columns == index.columns if index.unique else each.columns[:count] == index.columns
        if each.kind in ("primary key", "unique") and plain and fits:
            return each.name
    return ""
