"""What it takes to attach and detach a partition."""

from __future__ import annotations

from seachange.safety._predict._effect import Effect
from seachange.safety._predict._known import ConstraintState, RelationState
from seachange.safety.facts import LockMode
from seachange.safety.parsing import Command, Node, find, kind, names, relation_name

__all__ = ["attach", "default_of_parent", "detach"]


def attach(effect: Effect, table: RelationState, command: Command) -> None:
    """Expect what ATTACH PARTITION does to the parent, the new partition and the default one."""
    given = getattr(command.node, "def").partition_cmd
    child = relation_name(given.name, schema=effect.known.schema)
    effect.lock_family(child, LockMode.ACCESS_EXCLUSIVE)
    found = effect.known.relation(child)
    table.partitioned = True
    proof = _proof(found, given.bound)
    if proof:
        effect.proofs[proof] = None
    elif not given.bound.is_default or effect.known.descendants(table.name):
        effect.verify(child)
    _look_at_default(effect, table.name)
    _match_indexes(effect, table, found)
    for constraint in table.constraints.values():
        if constraint.kind == "foreign key" and not _has_key(found, constraint):
            effect.lock(constraint.target, LockMode.SHARE_ROW_EXCLUSIVE)
            effect.verify(child)
            effect.verify(constraint.target)
    found.parents = (*found.parents, table.name)
    found.default_partition = given.bound.is_default


def detach(effect: Effect, table: RelationState, command: Command) -> None:
    """Expect what DETACH PARTITION does to parent and partition."""
    given = getattr(command.node, "def").partition_cmd
    child = relation_name(given.name, schema=effect.known.schema)
    # Concurrently too: at its end, when nobody looks at the partition through its parent any more.
    effect.lock(child, LockMode.ACCESS_EXCLUSIVE)
    default = default_of_parent(effect, table.name)
    if default and default != child and not given.concurrent:
        effect.lock(default, LockMode.ACCESS_EXCLUSIVE)
    found = effect.known.relation(child)
    found.parents = tuple(each for each in found.parents if each != table.name)


def default_of_parent(effect: Effect, parent: str) -> str:
    """Return the default partition of a table, empty when none is known."""
    relations = effect.known.relations.values()
    return next((one.name for one in relations if one.default_partition and parent in one.parents), "")


def _look_at_default(effect: Effect, parent: str) -> None:
    """Expect the default partition to be locked, and searched for rows that now belong elsewhere."""
    default = default_of_parent(effect, parent)
    if default:
        effect.lock(default, LockMode.ACCESS_EXCLUSIVE)
        effect.verify(default)


def _match_indexes(effect: Effect, parent: RelationState, child: RelationState) -> None:
    """Expect an index to be built on the child for each of the parent's that it has none like."""
    own = list(child.indexes.values())
    for columns in parent.indexes.values():
        if columns in own:
            own.remove(columns)
        else:
            effect.build("", child.name)


def _has_key(child: RelationState, wanted: ConstraintState) -> bool:
    return any(
        one.kind == "foreign key" and one.columns == wanted.columns and one.target == wanted.target and one.validated
        for one in child.constraints.values()
    )


def _proof(child: RelationState, bound: Node) -> str:
    """Return the constraint of a partition to be that implies its bounds, empty when none is seen to.

    The text shows one case: a validated check that compares a column with the very values of the bounds, and rules NULL out.
    """
    wanted = sorted(_constants(bound))
    for name, constraint in child.constraints.items():
        if constraint.kind != "check" or not constraint.validated or constraint.expression is None:
            continue
        not_null = any(True for _ in find(constraint.expression, "NullTest"))
        not_null = not_null or all(child.columns[one].not_null for one in constraint.columns if one in child.columns)
        if wanted and not_null and sorted(_constants(constraint.expression)) == wanted and _compares(constraint.expression):
            return name
    return ""


def _constants(node: Node) -> list[str]:
    found = []
    for constant in find(node, "A_Const"):
        which = constant.WhichOneof("val") or ""
        found.append(str(getattr(getattr(constant, which), which)) if which else "")
    return found


def _compares(expression: Node) -> bool:
    """Whether an expression only compares: no OR, no NOT, no function could make it weaker than its values suggest."""
    if any(kind(each) == "BoolExpr" and each.boolop != 1 for each in find(expression, "BoolExpr")):
        return False
    operators = {name for each in find(expression, "A_Expr") for name in names(each.name)}
    return operators <= {">=", "<", "="} and not any(True for _ in find(expression, "FuncCall"))
