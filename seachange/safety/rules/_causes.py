"""Which command makes the server rewrite a table, read all of it, or build an index."""

from __future__ import annotations

import dataclasses

from seachange.postgres.catalog import qualified
from seachange.safety.facts import RevisionFacts
from seachange.safety.parsing import Node, constraint_kind, default_of, option_names
from seachange.safety.rules._steps import Step, column_of
from seachange.safety.rules._volatility import worst_function

__all__ = ["Cause", "build_cause", "rewrite_cause", "scan_cause"]

_SERIAL = frozenset(["smallserial", "serial", "bigserial", "serial2", "serial4", "serial8"])
_ALWAYS = {
    "SetLogged": "persistence",
    "SetUnLogged": "persistence",
    "SetTableSpace": "storage",
    "SetAccessMethod": "storage",
    "SetExpression": "stored",
    "RefreshMatViewStmt": "refresh",
    "ClusterStmt": "cluster",
}
_CHECKS = {"CHECK": "check", "FOREIGN": "foreign key", "NOTNULL": "not null", "PRIMARY": "primary key"}
_VALUES = ("DEFAULT", "IDENTITY", "GENERATED")
_BUILDS = {"UNIQUE": "unique", "PRIMARY": "primary key", "EXCLUSION": "exclusion"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cause:
    """Why there is work: ``certain`` where the command alone says so, else it is one that may be the cause.

    ``tables`` are those that it reaches besides its own.
    """

    name: str
    certain: bool = True
    tables: tuple[str, ...] = ()


def rewrite_cause(step: Step) -> Cause | None:
    """Return why a command rewrites its table, None when it does not."""
    if step.kind in _ALWAYS:
        return Cause(name=_ALWAYS[step.kind])
    if step.kind == "AddColumn":
        return _added_column(step)
    if step.kind == "AlterColumnType":
        return Cause(name=_type_change(step), certain=False)
    if step.kind == "VacuumStmt" and "full" in option_names(step.node.options):
        named = tuple(step.place(each.vacuum_relation.relation) for each in step.node.rels)
        return Cause(name="cluster", tables=named)
    return None


def scan_cause(step: Step) -> Cause | None:
    """Return why a command reads all rows of a table to check them, None when it does not."""
    if step.kind == "AddColumn":
        return _checked_column(step)
    if step.kind == "AddConstraint":
        valid = [each for each in step.constraints if not each.skip_validation]
        return _constraint(step, [constraint_kind(each) for each in valid], certain=True)
    if step.kind in ("AttachPartition", "CreateStmt"):
        return _partition(step)
    if step.kind == "ValidateConstraint":
        # Of a foreign key the referenced table is read as well.
        read = step.table in {*step.statement.verified, *step.statement.scans}
        return Cause(name="validate", tables=step.statement.verified) if read else None
    plain = {"SetNotNull": "not null", "AlterDomainStmt": "domain constraint"}
    if step.kind in plain:
        return Cause(name=plain[step.kind])
    return Cause(name="type check", certain=False) if step.kind == "AlterColumnType" else None


def build_cause(step: Step) -> Cause | None:
    """Return why a command builds an index, None when it does not."""
    if step.kind in ("AddColumn", "AddConstraint"):
        owned = [
            _BUILDS[found] for each in step.constraints if (found := constraint_kind(each)) in _BUILDS and not each.indexname
        ]
        name = owned[0] if owned else ""
        return Cause(name=f"column {name}" if step.kind == "AddColumn" else name) if name else None
    if step.kind == "ReindexStmt":
        return Cause(name="reindex", certain=False, tables=tuple(each.table for each in step.statement.index_builds))
    if step.kind == "AlterColumnType":
        column = step.command.column if step.command else None
        collated = column is not None and column.HasField("coll_clause")
        return Cause(name="collation" if collated else "type index", certain=False)
    if step.kind == "IndexStmt":
        return Cause(name="index")
    return _partition(step) if step.kind == "AttachPartition" else None


def _checked_column(step: Step) -> Cause | None:
    kinds = [constraint_kind(each) for each in step.constraints]
    if "CHECK" in kinds:
        return Cause(name="column check")
    if "NOTNULL" in kinds and not {"FOREIGN", *_VALUES} & set(kinds):
        # It fails at the first row that is there, which SC703 says.
        return Cause(name="required column", certain=False)
    return _constraint(step, kinds, certain=False)


def _constraint(step: Step, kinds: list[str], *, certain: bool) -> Cause | None:
    name = next((_CHECKS[each] for each in kinds if each in _CHECKS), "")
    if not name:
        return None
    if name == "primary key" and any(each.indexname for each in step.constraints):
        name = "nullable key"
    keys = [each for each in step.constraints if constraint_kind(each) == "FOREIGN"]
    return Cause(name=name, certain=certain, tables=tuple(step.place(each.pktable) for each in keys))


def _partition(step: Step) -> Cause | None:
    if step.kind == "AttachPartition":
        child = getattr(step.command.node, "def").partition_cmd.name if step.command else None
        return Cause(name="attach", tables=(step.place(child),)) if child is not None else None
    if not step.node.HasField("partbound"):
        return None
    return Cause(name="attach", tables=tuple(step.place(each.range_var) for each in step.node.inh_relations))


def _added_column(step: Step) -> Cause | None:
    if step.command is None or step.command.column is None:
        return None
    column, kinds = step.command.column, {constraint_kind(each): each for each in step.constraints}
    if step.command.type in _SERIAL:
        return Cause(name="serial")
    if "IDENTITY" in kinds:
        return Cause(name="identity")
    if "GENERATED" in kinds:
        return None if kinds["GENERATED"].generated_kind == "v" else Cause(name="stored")
    if _domain(step):
        return Cause(name="domain")
    default = default_of(column)
    return _default(default, step.facts) if default is not None else None


def _default(default: Node, facts: RevisionFacts) -> Cause | None:
    worst = worst_function(default, facts)[1]
    if worst == "volatile":
        return Cause(name="volatile default")
    return Cause(name="volatile default", certain=False) if worst == "unknown" else None


def _domain(step: Step) -> bool:
    """Return whether an added column is of a domain that has a constraint, its own or of the domain under it."""
    facts = step.facts
    catalog = facts.after or facts.before
    known = {each.qualified: each for each in catalog.domains} if catalog else {}
    column = column_of(facts.after, step.table, name=step.name)
    written = step.command.type if step.command else ""
    name = qualified(column.type_ref.schema, column.type_ref.name) if column else written
    domain = known.get(name) or next((each for each in known.values() if not column and each.name == name), None)
    while domain is not None:
        if domain.not_null or domain.constraints:
            return True
        domain = known.get(qualified(domain.type_ref.schema, domain.type_ref.name))
    return False


def _type_change(step: Step) -> str:
    before = column_of(step.facts.before, step.table, name=step.name)
    after = column_of(step.facts.after, step.table, name=step.name)
    if before and after and before.type_ref.kind == after.type_ref.kind == "enum":
        return "enum"
    if before and step.command and {_zone(before.type), _zone(step.command.type)} == {"without", "with"}:
        return "zone"
    return "type"


def _zone(name: str) -> str:
    """Return ``with`` or ``without`` for a timestamp of any precision."""
    head, _, tail = name.partition(" time zone")[0].rpartition(" ")
    return tail if head.startswith("timestamp") else ""
