"""G8 to G12: views, functions and enums that change under those who use them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seachange.postgres.catalog import Catalog, Function, View
from seachange.safety import parsing
from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._acts import Act, acts, existed, find_acts, relation_after, relation_before
from seachange.safety.rules._columns import added_here
from seachange.safety.rules._registry import Context, Rule, Verdict, rule
from seachange.safety.rules._words import listed

__all__ = ["appended_label", "named_in_function", "new_label", "new_label_used", "replaced"]

_RETURNS = re.compile(r"^\s*RETURNS (?P<type>.+)$", re.MULTILINE)
_UNSAFE_NEW_VALUE = "55P04"


@rule(
    Rule(
        id="SC708",
        name="replaced-view-or-function",
        title="A view has other columns, a function another signature",
        severity="warning",
        proof="proven",
        reason=(
            "Code that reads the view by its old columns, or calls the function with its old arguments, fails; so does a "
            "prepared statement over it, with 'cached plan must not change result type'. CREATE OR REPLACE VIEW can only "
            "append columns, which is not found here; whoever drops a view and makes it anew can change anything."
        ),
        source="PostgreSQL documentation, CREATE VIEW, Notes; CREATE FUNCTION, Notes",
        remedy=(
            "make the new one under another name and drop the old one a release later; "
            "`invoke migration.check --compatible-with REF` proves what running code uses"
        ),
        example='op.execute("CREATE FUNCTION total(order_id bigint, net boolean) RETURNS numeric ...")  # beside total(bigint)',
        sized=False,
    )
)
def replaced(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Compare views and functions that the revision makes with those of the same name before."""
    del context
    for act in find_acts(revision, "ViewStmt", "CreateTableAsStmt"):
        before, after = relation_before(revision, act.target), relation_after(revision, act.target)
        if isinstance(before, View) and isinstance(after, View):
            now = {column.name: column.type for column in after.columns}
            changed = [column.name for column in before.columns if now.get(column.name) != column.type]
            if changed:
                yield act.verdict("SC708", f"{listed(changed)} of {before.kind} {act.target} is gone or has another type")
    if revision.before and revision.after:
        for act in find_acts(revision, "CreateFunctionStmt"):
            yield from _signature(act, revision.before, revision.after)


@rule(
    Rule(
        id="SC709",
        name="named-in-function",
        title="A function names what is renamed or dropped",
        severity="warning",
        proof="inferred",
        reason=(
            "PostgreSQL does not track what the body of a function names: the revision passes, and the function fails when it "
            "is called next, a trigger function with every INSERT or UPDATE. Found by the words in the bodies; whether they "
            "mean this column is proven by preparing their statements."
        ),
        source="PostgreSQL documentation, 5.15 Dependency Tracking; PL/pgSQL under the Hood",
        remedy="replace the function in the same revision; `invoke migration.check --compatible-with REF` checks the bodies",
        example='op.execute("CREATE OR REPLACE FUNCTION touch() RETURNS trigger ...")\nop.drop_column("orders", "changed_at")',
        sized=False,
    )
)
def named_in_function(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Look for the words in the bodies of all functions that are there afterwards."""
    del context
    functions = revision.after.functions if revision.after else ()
    if not functions:
        return
    for act in find_acts(revision, "DropColumn", "rename column", "drop table", "rename table"):
        if not existed(revision, act.target) or (act.name and added_here(revision, act)):
            continue
        words = [act.target.rpartition(".")[2].strip('"'), *([act.name] if act.name else [])]
        users = [function.qualified for function in functions if _names_all(function, words)]
        if users and not _is_there(revision, act):
            gone = f"{act.name} of {act.target}" if act.name else act.target
            message = f"{listed(users)} {'names' if len(users) == 1 else 'name'} {gone}, which is not there any more"
            yield Verdict(rule="SC709", message=message, statement=act.statement, table=act.target, provenance="inferred")


@rule(
    Rule(
        id="SC710",
        name="new-label",
        title="An enum gets a label that running code does not know",
        severity="warning",
        proof="proven",
        reason=(
            "Adding the label harms nobody, and takes no lock on a table. The first row that has it does: code whose enum "
            "lacks the label fails when it reads such a row; SQLAlchemy raises LookupError."
        ),
        source="PostgreSQL documentation, ALTER TYPE, ADD VALUE; SQLAlchemy documentation, Enum",
        remedy="deploy code that can read the label before code that writes it",
        example="op.execute(\"ALTER TYPE order_state ADD VALUE IF NOT EXISTS 'returned' AFTER 'shipped'\")",
        sized=False,
    )
)
def new_label(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find ADD VALUE for enums that were there before."""
    del context
    for act, name in _added_labels(revision):
        yield act.verdict(
            "SC710", f"{name} gets the label {act.node.new_val!r}: code that does not know it cannot read such rows"
        )


@rule(
    Rule(
        id="SC711",
        name="new-label-used",
        title="A new label is used in the transaction that adds it",
        severity="error",
        proof="proven",
        reason=(
            "PostgreSQL refuses a label that was added to an older type by the same transaction: 'unsafe use of new value'. "
            "The label must be committed first."
        ),
        source="PostgreSQL documentation, ALTER TYPE, Notes; error 55P04; measured on 12 to 18",
        remedy="add the label in a revision of its own, or in an autocommit_block before",
        example=(
            "with op.get_context().autocommit_block():\n"
            "    op.execute(\"ALTER TYPE order_state ADD VALUE IF NOT EXISTS 'returned'\")\n"
            "op.execute(\"UPDATE orders SET state = 'returned' WHERE returned_at IS NOT NULL\")"
        ),
        sized=False,
    )
)
def new_label_used(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find the server's refusal, or the label in a later statement of the transaction where no server was asked."""
    del context
    labels = [(act, name) for act, name in _added_labels(revision) if act.statement.transaction]
    for statement in revision.statements:
        if statement.error is not None and statement.error.sqlstate == _UNSAFE_NEW_VALUE:
            mine = [act for act, _ in labels if repr(act.node.new_val)[1:-1] in statement.error.message]
            line = f" in line {mine[0].statement.line}" if mine and mine[0].statement.line else ""
            message = f"the label was added by the same transaction{line}, and can be used once that is committed"
            yield Verdict(rule="SC711", message=message, statement=statement)
    for act in acts(revision):
        for added, name in labels:
            label, first = added.node.new_val, added.statement
            later = act.statement.transaction == first.transaction and act.statement.number > first.number
            if later and act.statement.provenance == "inferred" and _uses(act, label):
                yield act.verdict("SC711", f"{label!r} was added to {name} by the same transaction: 'unsafe use of new value'")


@rule(
    Rule(
        id="SC712",
        name="appended-label",
        title="A new label goes to the end of an enum by which rows are ordered",
        severity="info",
        proof="proven",
        reason=(
            "Labels compare by their position, not by their text: ORDER BY, <, >, min() and max() put the new one last. An "
            "index on a column of the type shows that rows are ordered or searched by it. The position cannot be changed "
            "later."
        ),
        source="PostgreSQL documentation, 8.7.2 Ordering; ALTER TYPE, ADD VALUE",
        remedy="say where it belongs by BEFORE or AFTER",
        example="op.execute(\"ALTER TYPE priority ADD VALUE 'high' AFTER 'normal'\")",
        sized=False,
    )
)
def appended_label(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find ADD VALUE without a place for types of indexed columns."""
    del context
    for act, name in _added_labels(revision):
        indexed = _indexed_columns(revision.before, name) if revision.before else []
        if not act.node.new_val_neighbor and indexed:
            yield act.verdict("SC712", f"{act.node.new_val!r} goes to the end of {name}, by which {listed(indexed)} is indexed")


def _signature(act: Act, before: Catalog, after: Catalog) -> Iterator[Verdict]:
    name = ".".join(parsing.names(act.node.funcname))
    was, now = ({each.arguments: each for each in catalog.functions if _is(each, name)} for catalog in (before, after))
    gone = [each.qualified for arguments, each in was.items() if arguments not in now]
    if gone:
        yield act.verdict("SC708", f"{listed(gone)} is gone, and {listed(each.qualified for each in now.values())} came")
    for arguments, each in was.items():
        old, new = _returns(each), _returns(now[arguments]) if arguments in now else ""
        if new and old != new:
            yield act.verdict("SC708", f"{each.qualified} returned {old} and now returns {new}")


def _is(function: Function, name: str) -> bool:
    return name in (function.name, f"{function.schema}.{function.name}")


def _returns(function: Function) -> str:
    found = _RETURNS.search(function.definition)
    return found["type"] if found else ""


def _names_all(function: Function, words: list[str]) -> bool:
    body = function.definition.partition("$function$")[2]
    return all(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", body) for word in words)


def _is_there(revision: RevisionFacts, act: Act) -> bool:
    after = relation_after(revision, act.target)
    if act.name:
        return after is not None and any(column.name == act.name for column in after.columns)
    return after is not None


def _added_labels(revision: RevisionFacts) -> Iterator[tuple[Act, str]]:
    """Yield what adds a label to an enum that was there before, with the enum's name as the catalogue or the text has it."""
    made = {parsing.names(act.node.type_name)[-1] for act in find_acts(revision, "CreateEnumStmt")}
    for act in find_acts(revision, "AlterEnumStmt"):
        name = parsing.names(act.node.type_name)
        if act.node.old_val or name[-1] in made:
            continue
        if revision.before is None:
            yield act, ".".join(name)
            continue
        known = [enum for enum in revision.before.enums if enum.name == name[-1] and name[0] in (enum.schema, enum.name)]
        if known and act.node.new_val not in known[0].labels:
            yield act, known[0].qualified


def _uses(act: Act, label: str) -> bool:
    return any(each.WhichOneof("val") == "sval" and each.sval.sval == label for each in parsing.find(act.node, "A_Const"))


def _indexed_columns(catalog: Catalog, enum: str) -> list[str]:
    found = []
    for table in catalog.tables:
        columns = {column.name for column in table.columns if column.type.removesuffix("[]") == enum}
        keys = [index.columns for index in table.indexes] + [each.columns for each in table.constraints if each.kind != "check"]
        found += [f"{table.qualified}.{name}" for name in sorted(columns) if any(name in key for key in keys)]
    return found
