"""What CREATE is expected to do: new relations, and what they do to those that are there."""

from __future__ import annotations

from seachange.postgres.catalog import qualified
from seachange.safety._predict._columns import column_state, serial_type
from seachange.safety._predict._constraints import add_constraint
from seachange.safety._predict._effect import Effect
from seachange.safety._predict._known import DomainState, RelationState, columns_in
from seachange.safety._predict._partitions import default_of_parent
from seachange.safety.facts import LockMode
from seachange.safety.parsing import (
    Command,
    Node,
    constraint_kind,
    enum_name,
    kind,
    names,
    relation_name,
    tables_of,
    type_name,
)

__all__ = [
    "create_domain",
    "create_function",
    "create_index",
    "create_sequence",
    "create_table",
    "create_table_as",
    "create_view",
]


def create_table(effect: Effect, statement: Node) -> None:
    """Expect what CREATE TABLE does to tables that it refers to, inherits from, or becomes a partition of."""
    import postgast

    known = effect.known
    base = statement.base_stmt if kind(statement) == "CreateForeignTableStmt" else statement
    name = relation_name(base.relation, schema=known.schema)
    if base.if_not_exists and known.find(name) is not None:
        return
    for part in base.table_elts:
        if part.HasField("table_like_clause"):
            effect.lock(relation_name(part.table_like_clause.relation, schema=known.schema), LockMode.ACCESS_SHARE)
    parents = tuple(relation_name(each.range_var, schema=known.schema) for each in base.inh_relations)
    table = RelationState(
        name=name,
        kind="foreign table" if base is not statement else "table",
        complete=True,
        partitioned=base.HasField("partspec"),
        unlogged=base.relation.relpersistence == "u",
        access_method=base.access_method,
        parents=parents,
    )
    _become_child(effect, table, base)
    known.make(table)
    effect.created[name] = None
    for part in base.table_elts:
        inner = postgast.unwrap_node(part)
        if kind(inner) == "ColumnDef":
            _add_column(effect, table, inner)
        elif kind(inner) == "Constraint":
            add_constraint(effect, table, inner, filled=False)


def _add_column(effect: Effect, table: RelationState, column: Node) -> None:
    inline = tuple(each.constraint for each in column.constraints)
    name = type_name(column.type_name)
    command = Command(kind="AddColumn", type=serial_type(name) or name, column=column, constraints=inline, node=None)
    table.columns[column.colname] = column_state(command)
    for constraint in inline:
        add_constraint(effect, table, constraint, column=column.colname, filled=False)


def _become_child(effect: Effect, table: RelationState, statement: Node) -> None:
    """Expect the lock on the parents; a new partition also has to be told from the rows of the default one."""
    partition = statement.HasField("partbound")
    for parent in table.parents:
        effect.lock(parent, LockMode.ACCESS_EXCLUSIVE if partition else LockMode.SHARE_UPDATE_EXCLUSIVE)
        if not partition:
            continue
        effect.known.relation(parent).partitioned = True
        default = default_of_parent(effect, parent)
        if default:
            effect.lock(default, LockMode.ACCESS_EXCLUSIVE)
            effect.verify(default)
        above = effect.known.relation(parent)
        table.columns.update(above.columns)
        table.indexes.update({f"{table.name}.{position}": columns for position, columns in enumerate(above.indexes.values())})
        for constraint in above.constraints.values():
            if constraint.kind == "foreign key":
                effect.lock(constraint.target, LockMode.SHARE_ROW_EXCLUSIVE)
    table.default_partition = partition and statement.partbound.is_default


def create_index(effect: Effect, statement: Node) -> None:
    """Expect what CREATE INDEX does to its table, and to the partitions of that."""
    known = effect.known
    name = relation_name(statement.relation, schema=known.schema)
    table = known.relation(name)
    mode = LockMode.SHARE_UPDATE_EXCLUSIVE if statement.concurrent else LockMode.SHARE
    given = tuple(each.index_elem.name for each in statement.index_params)
    index = statement.idxname or _chosen_name(table, given)
    full = f"{table.schema_of}.{qualified(index)}"
    effect.lock(name, mode)
    if statement.if_not_exists and known.table_of_index(full):
        return
    only = not statement.relation.inh
    if statement.concurrent and table.partitioned and not only:
        effect.refuse("0A000", f'cannot create index on partitioned table "{name}" concurrently')
    if not only and table.partitioned:
        effect.lock_family(name, mode)
    # ONLY is what one says of a partitioned table, whether or not it is known to be one.
    if not only or (table.complete and not table.partitioned):
        for leaf in known.leaves(name):
            effect.build(full if leaf == name else "", leaf, online=statement.concurrent)
    table.indexes[full] = given


def _chosen_name(table: RelationState, columns: tuple[str, ...]) -> str:
    bare = table.name.rpartition(".")[2].strip('"')
    return "_".join([bare, *(column or "expr" for column in columns), "idx"])


def create_view(effect: Effect, statement: Node) -> None:
    """Expect what CREATE [OR REPLACE] VIEW does."""
    known = effect.known
    name = relation_name(statement.view, schema=known.schema)
    reads = tables_of(statement.query, schema=known.schema)
    exists = known.find(name) is not None or not known.complete
    if statement.replace and exists:
        effect.lock(name, LockMode.ACCESS_EXCLUSIVE, kind="view")
    for read in reads:
        effect.lock(read, LockMode.ACCESS_SHARE)
    mentions = columns_in(statement.query)
    view = RelationState(name=name, kind="view", complete=True, reads=reads, mentions=mentions)
    if statement.replace and exists:
        known.relations[name] = view
    else:
        known.make(view)
        effect.created[name] = None


def create_table_as(effect: Effect, statement: Node) -> None:
    """Expect what CREATE TABLE AS and CREATE MATERIALIZED VIEW read."""
    import postgast

    known = effect.known
    name = relation_name(statement.into.rel, schema=known.schema)
    if statement.if_not_exists and known.find(name) is not None:
        return
    query = postgast.unwrap_node(statement.query)
    reads = tables_of(query, schema=known.schema)
    for read in reads:
        effect.lock(read, LockMode.ACCESS_SHARE)
    if not statement.into.skip_data and kind(query) == "SelectStmt" and not query.HasField("where_clause"):
        effect.scan(leaf for read in reads for leaf in known.leaves(read))
    materialized = enum_name(statement, "objtype") == "OBJECT_MATVIEW"
    if materialized:
        mentions = columns_in(query)
        known.make(RelationState(name=name, kind="materialized view", complete=True, reads=reads, mentions=mentions))
    else:
        known.make(RelationState(name=name))
    effect.created[name] = None


def create_sequence(effect: Effect, statement: Node) -> None:
    """Expect a sequence."""
    name = relation_name(statement.sequence, schema=effect.known.schema)
    effect.known.make(RelationState(name=name, kind="sequence", complete=True))
    effect.created[name] = None


def create_domain(effect: Effect, statement: Node) -> None:
    """Expect a domain, which takes no lock but decides what adding a column of it takes."""
    kinds = {constraint_kind(each.constraint) for each in statement.constraints}
    name = effect.known.plain(qualified(*names(statement.domainname)))
    constrained = bool(kinds & {"CHECK", "NOTNULL"})
    effect.known.domains[name] = DomainState(type=type_name(statement.type_name), constrained=constrained)


def create_function(effect: Effect, statement: Node) -> None:
    """Note how volatile a function is."""
    options = {each.def_elem.defname: each.def_elem for each in statement.options}
    volatility = options["volatility"].arg.string.sval if "volatility" in options else "volatile"
    parts = names(statement.funcname)
    for name in (parts[-1], qualified(*parts)):
        effect.known.volatility[name] = volatility
