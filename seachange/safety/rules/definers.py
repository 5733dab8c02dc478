"""K, second part: functions and views that work with the rights of their owner."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seachange.safety import parsing
from seachange.safety.facts import RevisionFacts
from seachange.safety.rules._acts import Act, find_acts, relation_after, relation_before, table_after
from seachange.safety.rules._registry import Context, Rule, Verdict, rule
from seachange.safety.rules._words import listed

__all__ = ["definer_without_path", "view_without_invoker"]

_BODY = re.compile(r"\$\w*\$", re.DOTALL)


@rule(
    Rule(
        id="SC1107",
        name="definer-without-search-path",
        title="SECURITY DEFINER without a fixed search_path",
        severity="warning",
        proof="proven",
        reason=(
            "The function runs with the rights of its owner and looks names up in the search_path of its caller. Whoever may "
            "create anything in a schema of that path puts a function or an operator of the same name before the real one, "
            "and it runs with those rights."
        ),
        source="PostgreSQL documentation, CREATE FUNCTION, Writing SECURITY DEFINER Functions Safely; CVE-2018-1058",
        remedy="fix the path in the function, pg_temp last",
        example='op.execute("ALTER FUNCTION total() SET search_path = public, pg_temp")',
        sized=False,
    )
)
def definer_without_path(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find functions that the revision makes or alters so."""
    del context
    for act in find_acts(revision, "CreateFunctionStmt", "AlterFunctionStmt"):
        options = act.node.options if act.kind == "CreateFunctionStmt" else act.node.actions
        names = parsing.names(act.node.funcname if act.kind == "CreateFunctionStmt" else act.node.func.objname)
        given = [each.def_elem for each in options]
        definer = any(each.defname == "security" and each.arg.boolean.boolval for each in given)
        path = any(each.defname == "set" and each.arg.variable_set_stmt.name == "search_path" for each in given)
        if definer and not path and not _fixes_path(revision, names):
            yield act.verdict("SC1107", f"function {'.'.join(names)} is SECURITY DEFINER and takes the search_path of its caller")


@rule(
    Rule(
        id="SC1108",
        name="view-without-invoker",
        title="A view passes row security by",
        severity="warning",
        proof="proven",
        reason=(
            "A view reads its tables with the rights of its owner, for whom policies usually do not hold, so that whoever may "
            "read the view sees all rows. From PostgreSQL 15 on security_invoker = true makes it read with those of the "
            "caller. CREATE OR REPLACE VIEW forgets the option unless it is given again."
        ),
        source="PostgreSQL documentation, CREATE VIEW (security_invoker); 5.9 Row Security Policies; pgroll issue 179",
        remedy="make the view WITH (security_invoker = true); before 15 put the condition of the policy into it",
        example='op.execute("CREATE VIEW open_orders WITH (security_invoker = true) AS SELECT * FROM orders WHERE open")',
        sized=False,
    )
)
def view_without_invoker(revision: RevisionFacts, context: Context) -> Iterator[Verdict]:
    """Find views that lost the option, or are made without it over tables with row security."""
    del context
    for act in find_acts(revision, "ViewStmt"):
        before, after = relation_before(revision, act.target), relation_after(revision, act.target)
        if _invokes(after.options if after else tuple(_options(act))):
            continue
        if before and _invokes(before.options):
            yield act.verdict("SC1108", f"{act.target} had security_invoker, and has it no more")
            continue
        tables = [
            name for name in parsing.tables_of(act.node.query) if (found := table_after(revision, name)) and found.row_security
        ]
        if tables:
            yield act.verdict("SC1108", f"{act.target} shows rows of {listed(tables)} past its row security")


def _fixes_path(revision: RevisionFacts, names: tuple[str, ...]) -> bool:
    """Whether the function has a search_path of its own afterwards, wherever it was given."""
    functions = revision.after.functions if revision.after else ()
    mine = [each for each in functions if each.name == names[-1] and names[0] in (each.schema, each.name)]
    return bool(mine) and all(re.search(r"^\s*SET search_path ", _BODY.split(each.definition)[0], re.MULTILINE) for each in mine)


def _options(act: Act) -> Iterator[str]:
    for each in act.node.options:
        value = each.def_elem.arg.string.sval if each.def_elem.HasField("arg") else "true"
        yield f"{each.def_elem.defname}={value}"


def _invokes(options: tuple[str, ...]) -> bool:
    return any(
        option.startswith("security_invoker=") and option.partition("=")[2] in ("true", "on", "1", "yes") for option in options
    )
