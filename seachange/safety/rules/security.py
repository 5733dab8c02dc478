"""K, first part: who may see and do what: row security, policies, privileges, owners."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.postgres.catalog import Table
from seachange.safety import parsing
from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._acts import (
    Act,
    acts,
    existed,
    find_acts,
    new_lock,
    table_after,
    table_before,
)
from seachange.safety.rules._registry import Context, Rule, Verdict, rule
from seachange.safety.rules._words import listed

__all__ = [
    "grant",
    "incomplete_policies",
    "owner",
    "policy",
    "revoke",
    "row_security",
]

_SWITCHES = {
    "EnableRowSecurity": (
        "ENABLE ROW LEVEL SECURITY",
        "rows that no policy allows are not seen any more, by anybody but the owner",
    ),
    "DisableRowSecurity": ("DISABLE ROW LEVEL SECURITY", "everybody with SELECT sees all rows"),
    "ForceRowSecurity": ("FORCE ROW LEVEL SECURITY", "policies hold for the owner too, who often is the role that migrates"),
    "NoForceRowSecurity": ("NO FORCE ROW LEVEL SECURITY", "the owner sees all rows"),
}
_POLICIES = {"CreatePolicyStmt": "CREATE POLICY", "AlterPolicyStmt": "ALTER POLICY", "drop policy": "DROP POLICY"}
_COMMANDS = ("select", "insert", "update", "delete")


@rule(
    Rule(
        id="SC1101",
        name="row-security-switched",
        title="Row security is turned on, off or forced",
        severity="warning",
        proof="proven",
        reason=(
            "From the commit on, every query of the table shows other rows: none at all where row security is on and no "
            "policy allows any, all of them where it is turned off. Nothing fails; lists are empty, or strangers see them. It "
            "takes ACCESS EXCLUSIVE."
        ),
        source="PostgreSQL documentation, 5.9 Row Security Policies; measured: ACCESS EXCLUSIVE on 12 to 18",
        remedy="create and test the policies first, then turn row security on in a revision of its own",
        example='op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")  # after its policies',
        sized=False,
    )
)
def row_security(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find switches that change what was in force for an existing table."""
    del context
    for act in find_acts(revision, *_SWITCHES):
        before = table_before(revision, act.target)
        if not existed(revision, act.target) or (before and _is_so_already(act, before)):
            continue
        words, effect = _SWITCHES[act.kind]
        after = table_after(revision, act.target)
        if act.kind == "EnableRowSecurity" and after and not after.policies:
            effect = "there is no policy, so nobody but the owner sees any row"
        yield act.verdict("SC1101", f"{words} on {act.target}: {effect}{_lock(act)}")


@rule(
    Rule(
        id="SC1102",
        name="policy-changed",
        title="A row security policy is made, changed or dropped",
        severity="warning",
        proof="proven",
        reason=(
            "Permissive policies add up: a new one can only show more rows, a dropped one only fewer. Restrictive ones do the "
            "opposite. Each of these statements takes ACCESS EXCLUSIVE on the table."
        ),
        source="PostgreSQL documentation, CREATE POLICY; measured: ACCESS EXCLUSIVE on 12 to 18",
        remedy="review who sees which rows afterwards; try it as the roles that the application uses",
        example='op.execute("ALTER POLICY own_orders ON orders USING (client = current_user)")',
        sized=False,
    )
)
def policy(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find policies that change for a table on which row security was in force."""
    del context
    said: set[tuple[str, str]] = set()
    for act in find_acts(revision, *_POLICIES):
        name = act.name or act.node.policy_name
        before = table_before(revision, act.target)
        in_force = before is None or before.row_security
        if not existed(revision, act.target) or not in_force or (act.target, name) in said:
            continue
        said.add((act.target, name))
        was = next((each for each in before.policies if each.name == name), None) if before else None
        after = table_after(revision, act.target)
        now = next((each for each in after.policies if each.name == name), None) if after else None
        if was is None or was != now:
            yield act.verdict(
                "SC1102", f"{_POLICIES[act.kind]} {name} on {act.target}{_lock(act)}: other rows are seen or may be written"
            )


@rule(
    Rule(
        id="SC1103",
        name="incomplete-policies",
        title="Row security with policies for some commands only, or policies without row security",
        severity="warning",
        proof="proven",
        reason=(
            "Where row security is on, a command for which no permissive policy exists is refused or finds no rows: INSERT "
            "fails with 'new row violates row-level security policy', UPDATE and DELETE change 0 rows and say nothing. "
            "Policies of a table whose row security is off do nothing at all."
        ),
        source="PostgreSQL documentation, 5.9 Row Security Policies; CREATE POLICY, Policies Applied by Command Type",
        remedy="one policy FOR ALL with USING and WITH CHECK, or one for each command that is meant to work",
        example='op.execute("CREATE POLICY own_orders ON orders USING (client = user) WITH CHECK (client = user)")',
        sized=False,
    )
)
def incomplete_policies(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Look at the policies of each table whose row security the revision touches."""
    del context
    last = {act.target: act for act in find_acts(revision, *_SWITCHES, *_POLICIES)}
    for name, act in last.items():
        after = table_after(revision, name)
        if after is None or not after.policies:
            continue
        allowed = {each.command for each in after.policies if each.permissive}
        missing = [] if "all" in allowed else [command.upper() for command in _COMMANDS if command not in allowed]
        if not after.row_security:
            yield act.verdict("SC1103", f"{name} has policies, but its row security is off: they do nothing")
        elif missing:
            yield act.verdict("SC1103", f"no permissive policy of {name} allows {listed(missing)}")


@rule(
    Rule(
        id="SC1104",
        name="grant",
        title="Privileges are widened",
        severity="warning",
        proof="proven",
        reason=(
            "PUBLIC means every role there is and every one to come; ALL PRIVILEGES includes TRUNCATE, REFERENCES and "
            "TRIGGER, the last two of which let others stop or watch what writers of the table do. A membership hands on all "
            "that the group may."
        ),
        source="PostgreSQL documentation, 5.8 Privileges; GRANT",
        remedy="grant to a role what it needs, by name",
        example='op.execute("GRANT SELECT, INSERT ON orders TO shop")',
        sized=False,
    )
)
def grant(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find grants to everybody, of everything, with the right to hand them on, and memberships."""
    del context
    for act in find_acts(revision, "GrantStmt", "GrantRoleStmt", "AlterDefaultPrivilegesStmt"):
        node = act.node.action if act.kind == "AlterDefaultPrivilegesStmt" else act.node
        if not node.is_grant:
            continue
        if act.kind == "GrantRoleStmt":
            groups = listed(each.access_priv.priv_name for each in node.granted_roles)
            yield act.verdict("SC1104", f"{_roles(node.grantee_roles)} may do all that {groups} may")
            continue
        everybody = any(parsing.enum_name(each.role_spec, "roletype") == "ROLESPEC_PUBLIC" for each in node.grantees)
        what = [each.access_priv.priv_name.upper() for each in node.privileges]
        words = f"GRANT {', '.join(what) or 'ALL PRIVILEGES'} TO {_roles(node.grantees)}"
        if everybody:
            yield act.verdict("SC1104", f"{words}: every role, also those to come")
        elif node.grant_option:
            yield act.verdict("SC1104", f"{words} WITH GRANT OPTION: who gets it may hand it on")
        elif not what:
            yield act.verdict("SC1104", f"{words}: more than reading and writing", severity="info")


@rule(
    Rule(
        id="SC1105",
        name="revoke",
        title="Privileges are taken away",
        severity="warning",
        proof="proven",
        reason=(
            "Sessions that run under the role fail from the commit on: 'permission denied'. With CASCADE those fail as well "
            "that had the privilege from it."
        ),
        source="PostgreSQL documentation, REVOKE",
        remedy="make sure that no running code needs it; the roles of the application connect under names that `\\du` shows",
        example='op.execute("REVOKE TRUNCATE ON orders FROM shop")',
        sized=False,
    )
)
def revoke(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find REVOKE on what was there before; taking what PUBLIC has on new things from it is care, not loss."""
    del context
    for act in find_acts(revision, "GrantStmt", "GrantRoleStmt"):
        node = act.node
        if node.is_grant:
            continue
        if act.kind == "GrantRoleStmt":
            groups = listed(each.access_priv.priv_name for each in node.granted_roles)
            yield act.verdict("SC1105", f"{_roles(node.grantee_roles)} may not do any more what {groups} may")
            continue
        tables = parsing.tables_of(node)
        if tables and not any(existed(revision, table) for table in tables):
            continue
        what = ", ".join(each.access_priv.priv_name.upper() for each in node.privileges) or "ALL PRIVILEGES"
        on = f" ON {listed(tables)}" if tables else ""
        yield act.verdict("SC1105", f"REVOKE {what}{on} FROM {_roles(node.grantees)}: its sessions fail with 'permission denied'")


@rule(
    Rule(
        id="SC1106",
        name="owner-changed",
        title="Something gets another owner",
        severity="warning",
        proof="proven",
        reason=(
            "The owner may do everything with a table, sees all its rows whatever the policies say, and is whose rights its "
            "views and definer's functions run with. The old owner loses all that at once. ALTER TABLE ... OWNER TO takes "
            "ACCESS EXCLUSIVE."
        ),
        source="PostgreSQL documentation, 5.8 Privileges; ALTER TABLE, OWNER TO; measured: ACCESS EXCLUSIVE on 12 to 18",
        remedy="grant the old owner what it still needs in the same transaction",
        example='op.execute("ALTER TABLE orders OWNER TO shop_owner")',
        sized=False,
    )
)
def owner(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find ALTER ... OWNER TO for what was there before, and REASSIGN OWNED."""
    del context
    for act in acts(revision):
        if act.kind == "ChangeOwner" and act.command is not None and existed(revision, act.target):
            yield act.verdict("SC1106", f"{act.target} now belongs to {_role(act.command.node.newowner)}{_lock(act)}")
        elif act.kind == "AlterOwnerStmt":
            what = parsing.enum_name(act.node, "object_type").removeprefix("OBJECT_").replace("_", " ").lower()
            yield act.verdict(
                "SC1106", f"{what} {parsing.object_name(act.node.object)} now belongs to {_role(act.node.newowner)}"
            )
        elif act.kind == "ReassignOwnedStmt":
            yield act.verdict("SC1106", f"all that {_roles(act.node.roles)} owns now belongs to {_role(act.node.newrole)}")


def _lock(act: Act) -> str:
    mode = new_lock(act.statement, act.target)
    return f" (takes {mode.words})" if mode and mode.blocks_writers else ""


def _is_so_already(act: Act, before: Table) -> bool:
    states = {
        "EnableRowSecurity": before.row_security,
        "DisableRowSecurity": not before.row_security,
        "ForceRowSecurity": before.force_row_security,
        "NoForceRowSecurity": not before.force_row_security,
    }
    return states[act.kind]


def _role(node: parsing.Node) -> str:
    kind = parsing.enum_name(node, "roletype")
    return node.rolename or {"ROLESPEC_PUBLIC": "PUBLIC"}.get(kind, kind.removeprefix("ROLESPEC_"))


def _roles(nodes: parsing.Node) -> str:
    return listed(_role(each.role_spec) for each in nodes)
