"""K, last part: triggers, replication, settings that outlive the revision, rewrite rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from seachange.safety import parsing
from seachange.safety.environment import Environment, Publication
from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._acts import Act, acts, existed, find_acts, new_lock, table_after, table_before
from seachange.safety.rules._registry import Context, Rule, Verdict, rule
from seachange.safety.rules._settings import settings_of
from seachange.safety.rules._words import listed

__all__ = [
    "autovacuum_off",
    "disabled_trigger",
    "lasting_setting",
    "replica_identity",
    "replicated_label",
    "rewrite_rule",
    "without_identity",
]

_DISABLES = {
    "DisableTrig": "DISABLE TRIGGER",
    "DisableTrigAll": "DISABLE TRIGGER ALL",
    "DisableTrigUser": "DISABLE TRIGGER USER",
    "DisableRule": "DISABLE RULE",
}
_OFF = ("false", "off", "0", "no")
_LASTING: Mapping[str, Callable[[parsing.Node], str]] = {
    "AlterSystemStmt": lambda node: f"ALTER SYSTEM SET {node.setstmt.name}: for all databases of the server; takes a superuser",
    "AlterRoleSetStmt": lambda node: f"ALTER ROLE {_role(node)} SET {node.setstmt.name}: for every session to come",
    "AlterRoleStmt": lambda node: f"ALTER ROLE {node.role.rolename}: a role belongs to all databases of the server",
    "AlterDatabaseSetStmt": lambda node: f"ALTER DATABASE {node.dbname} SET {node.setstmt.name}: for every session to come",
    "AlterDatabaseStmt": lambda node: f"ALTER DATABASE {node.dbname}: not a part of the schema",
    "AlterExtensionStmt": lambda node: (
        f"ALTER EXTENSION {node.extname} UPDATE runs its scripts, of whichever version the server has"
    ),
}
_SEQUENCE = ("restart", "start", "increment", "minvalue", "maxvalue", "cache", "cycle", "as")


@rule(
    Rule(
        id="SC1109",
        name="disabled-trigger",
        title="Triggers are switched off",
        severity="warning",
        proof="proven",
        reason=(
            "While they are off nothing is audited, computed or checked, foreign keys included with DISABLE TRIGGER ALL or "
            "session_replication_role = replica; what was written meanwhile is not made up for. The statement takes SHARE ROW "
            "EXCLUSIVE, and it holds for all sessions until somebody switches them on again."
        ),
        source="PostgreSQL documentation, ALTER TABLE, DISABLE TRIGGER; 20.11.1 (session_replication_role); measured on 12 to 18",
        remedy="leave them on, or switch them on again in the same transaction and check what was written",
        example="op.execute(\"SET LOCAL app.migrating = 'on'\")  # and WHEN (current_setting('app.migrating', true) IS NULL)",
        sized=False,
    )
)
def disabled_trigger(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find triggers and rules that are switched off, less gravely where the revision switches them on again."""
    del context
    for act in acts(revision):
        if act.kind in _DISABLES and existed(revision, act.target):
            again = any(
                each.target == act.target and each.kind == act.kind.replace("Disable", "Enable") for each in acts(revision)
            )
            name = f" {act.name}" if act.name else ""
            until = (
                "and on again later: nothing is made up for" if again else "for all sessions, until somebody switches it on again"
            )
            message = f"{_DISABLES[act.kind]}{name} on {act.target}, {until}{_lock(act)}"
            yield act.verdict("SC1109", message, severity="info" if again else None)
        elif (found := settings_of(act)) and found[0] == "session_replication_role" and found[1].lower() == "replica":
            yield act.verdict("SC1109", "session_replication_role = replica: no trigger fires and no foreign key is checked")


@rule(
    Rule(
        id="SC1110",
        name="replica-identity",
        title="The replica identity of a table changes",
        severity="warning",
        proof="proven",
        reason=(
            "Logical replication names the row that an UPDATE or DELETE meant by its replica identity. NOTHING makes both "
            "fail on a published table, FULL writes the whole old row to WAL for each, an index does until it is dropped. It "
            "takes ACCESS EXCLUSIVE."
        ),
        source=(
            "PostgreSQL documentation, 29.1.1 Replica Identity; ALTER TABLE, REPLICA IDENTITY; measured: ACCESS EXCLUSIVE on "
            "12 to 18"
        ),
        remedy="use a unique index over NOT NULL columns; change it before the primary key is dropped, not after",
        example='op.execute("ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_number_key")',
        sized=False,
    )
)
def replica_identity(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find REPLICA IDENTITY of existing tables that is another one afterwards."""
    del context
    for act in find_acts(revision, "ReplicaIdentity"):
        before, after = table_before(revision, act.target), table_after(revision, act.target)
        if existed(revision, act.target) and not (before and after and before.replica_identity == after.replica_identity):
            words = {"n": "NOTHING", "f": "FULL", "d": "DEFAULT", "i": "an index"}
            kind = getattr(act.command.node, "def").replica_identity_stmt.identity_type if act.command else ""
            yield act.verdict("SC1110", f"REPLICA IDENTITY of {act.target} is {words.get(kind, kind)} now{_lock(act)}")


@rule(
    Rule(
        id="SC1111",
        name="published-without-identity",
        title="A table loses what identifies its rows for replication",
        severity="warning",
        proof="proven",
        reason=(
            "Without a primary key, or the index that is its replica identity, a table that is part of a publication cannot "
            "be updated any more: 'cannot update table because it does not have a replica identity and publishes updates'. "
            "DROP CONSTRAINT itself passes; the application's next UPDATE or DELETE fails."
        ),
        source="PostgreSQL documentation, 29.1.1 Replica Identity; measured: the next UPDATE fails on 12 to 18",
        remedy="set REPLICA IDENTITY USING INDEX before, or replace the key within one transaction",
        example=(
            'op.execute("ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_number_key")\n'
            'op.drop_constraint("orders_pkey", "orders")'
        ),
        sized=False,
    )
)
def without_identity(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find tables whose identity was there before and is not afterwards; graver where a publication is known to have them."""
    for act in find_acts(revision, "DropConstraint", "DropColumn", "ReplicaIdentity", "drop index"):
        names = (
            [act.target]
            if act.kind != "drop index"
            else [table.qualified for table in revision.before.tables]
            if revision.before
            else []
        )
        for name in names:
            before, after = table_before(revision, name), table_after(revision, name)
            if before is None or after is None or not _identified(before) or _identified(after):
                continue
            if act.kind == "drop index" and not before.replica_identity.startswith("index"):
                continue
            found = _publications(context.environment, name)
            by = f"publication {listed(each.name for each in found)} has it: " if found else "if a publication has it, "
            yield Verdict(
                rule="SC1111",
                message=f"nothing identifies the rows of {name} any more; {by}UPDATE and DELETE fail",
                statement=act.statement,
                table=name,
                severity="error" if found else None,
            )


@rule(
    Rule(
        id="SC1112",
        name="label-not-replicated",
        title="A renamed label does not reach subscribers",
        severity="warning",
        proof="data",
        reason=(
            "Logical replication carries rows, not DDL, and rows carry the label by its name: the first one with the new name "
            "stops the subscription, whose enum does not know it. Found where the real server has publications."
        ),
        source="PostgreSQL documentation, 29.8 Restrictions (logical replication); Logical Replication Message Formats",
        remedy="add the new label on the subscribers first, or rename it there in the same moment",
        example="op.execute(\"ALTER TYPE order_state ADD VALUE 'cancelled'\")  # on the subscribers first",
        sized=False,
    )
)
def replicated_label(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find RENAME VALUE where the real server publishes something."""
    publications = context.environment.publications if context.environment else ()
    for act in find_acts(revision, "AlterEnumStmt"):
        if act.node.old_val and publications:
            names = listed(each.name for each in publications)
            yield act.verdict(
                "SC1112",
                f"subscribers of {names} do not know the label {act.node.new_val!r}: their subscription stops at the first row",
            )


@rule(
    Rule(
        id="SC1113",
        name="lasting-setting",
        title="A setting of the server, a role, a database, an extension or a sequence changes",
        severity="warning",
        proof="inferred",
        reason=(
            "ALTER SYSTEM holds for all databases of the server, after a reload or a restart; ALTER ROLE and ALTER DATABASE "
            "... SET for every session to come. None of them is part of the schema: no comparison sees it and no backup of "
            "the database carries it. ALTER EXTENSION UPDATE runs scripts of others. An ALTER SEQUENCE may hand numbers out "
            "twice, and is no part of a rollback in the eyes of those who took numbers meanwhile."
        ),
        source=(
            "PostgreSQL documentation, 20.1.2 Parameter Interaction via the Configuration File; ALTER SEQUENCE, Notes; ALTER "
            "EXTENSION"
        ),
        remedy="have it done where the server is configured; set what a revision needs by SET LOCAL",
        example="op.execute(\"SET LOCAL work_mem = '256MB'\")",
        sized=False,
    )
)
def lasting_setting(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find such statements."""
    del context
    for act in acts(revision):
        message = _lasting(act, revision)
        if message:
            yield act.verdict("SC1113", message)


@rule(
    Rule(
        id="SC1114",
        name="autovacuum-off",
        title="Autovacuum is switched off for a table",
        severity="warning",
        proof="proven",
        reason=(
            "Dead rows stay, the planner's statistics grow old, and the table is only looked at again when its transaction "
            "ids are about to run out, by a vacuum that does not yield to anybody's locks."
        ),
        source="PostgreSQL documentation, 24.1 Routine Vacuuming; CREATE TABLE, Storage Parameters (autovacuum_enabled)",
        remedy="leave it on; a busy table wants it more often: autovacuum_vacuum_scale_factor = 0.01",
        example='op.execute("ALTER TABLE orders SET (autovacuum_vacuum_scale_factor = 0.01)")',
        sized=False,
    )
)
def autovacuum_off(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find the storage parameter in ALTER TABLE and CREATE TABLE."""
    del context
    for act in find_acts(revision, "SetRelOptions", "CreateStmt"):
        nodes = getattr(act.command.node, "def").list.items if act.command else act.node.options
        for each in (node.def_elem for node in nodes):
            if each.defname == "autovacuum_enabled" and _value(each).lower() in _OFF:
                toast = " (its TOAST table)" if each.defnamespace == "toast" else ""
                yield act.verdict("SC1114", f"autovacuum_enabled = {_value(each)} for {act.target}{toast}")


@rule(
    Rule(
        id="SC1115",
        name="rewrite-rule",
        title="CREATE RULE",
        severity="warning",
        proof="proven",
        reason=(
            "A rule rewrites the query, not the rows: volatile expressions run twice, RETURNING and row counts are other "
            "ones, and COPY passes it by. What is meant is nearly always a trigger. It takes ACCESS EXCLUSIVE on the table."
        ),
        source="PostgreSQL documentation, 39.7 Rules Versus Triggers; measured: ACCESS EXCLUSIVE on 12 to 18",
        remedy="write a trigger, or a view with INSTEAD OF triggers",
        example='op.execute("CREATE TRIGGER log_orders AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION log_order()")',
        sized=False,
    )
)
def rewrite_rule(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find CREATE RULE, on new tables too, and DROP RULE."""
    del context
    for act in find_acts(revision, "RuleStmt", "drop rule"):
        if act.kind == "RuleStmt":
            event = parsing.enum_name(act.node, "event").removeprefix("CMD_")
            yield act.verdict("SC1115", f"CREATE RULE {act.node.rulename} rewrites every {event} of {act.target}{_lock(act)}")
        elif existed(revision, act.target):
            yield act.verdict("SC1115", f"DROP RULE {act.name}: queries of {act.target} are not rewritten any more{_lock(act)}")


def _lock(act: Act) -> str:
    mode = new_lock(act.statement, act.target)
    return f" (takes {mode.words})" if mode and mode.blocks_writers else ""


def _identified(table: object) -> bool:
    identity = getattr(table, "replica_identity", "")
    return (
        identity == "full" or identity.startswith("index") or (not identity and getattr(table, "primary_key", None) is not None)
    )


def _publications(environment: Environment | None, table: str) -> list[Publication]:
    found = environment.publications if environment else ()
    return [each for each in found if (each.all_tables or table in each.tables) and (each.updates or each.deletes)]


def _role(node: parsing.Node) -> str:
    if not node.HasField("role"):
        return "ALL"
    return str(node.role.rolename) or parsing.enum_name(node.role, "roletype").removeprefix("ROLESPEC_")


def _lasting(act: Act, revision: RevisionFacts) -> str:
    if act.kind == "AlterSeqStmt":
        return _sequence(act, revision)
    describe = _LASTING.get(act.kind)
    return describe(act.node) if describe else ""


def _sequence(act: Act, revision: RevisionFacts) -> str:
    changed = [each.def_elem.defname for each in act.node.options if each.def_elem.defname in _SEQUENCE]
    before = {each.qualified for each in revision.before.sequences} if revision.before else None
    # RESTART after rows with explicit keys is what sets the sequence right.
    inserts = any(each.statement.number < act.statement.number for each in find_acts(revision, "InsertStmt"))
    if not changed or (changed == ["restart"] and inserts) or (before is not None and act.target not in before):
        return ""
    return f"ALTER SEQUENCE {act.target} changes {listed(changed)}: numbers may come twice or be left out"


def _value(option: parsing.Node) -> str:
    if not option.HasField("arg"):
        return "true"
    kind = option.arg.WhichOneof("node")
    return str(option.arg.integer.ival if kind == "integer" else option.arg.string.sval)
