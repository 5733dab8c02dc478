"""Indexes and foreign keys of partitioned tables, made partition by partition."""

from __future__ import annotations

import re

from seachange.postgres.catalog import Index, Table, qualified
from seachange.safety._fixes.source import Statement
from seachange.safety._fixes.steps import Known, NotFixableError, Rewrite, Step, commented
from seachange.safety._fixes.writing import autocommit, execute

__all__ = ["index_by_partition", "key_by_partition"]

# Partitions are asked for when the revision runs: a real server has more of them than the history made.
_EACH = '''\
for statement in op.get_bind().execute(sa.text("""
    SELECT {expression}
    FROM pg_partition_tree('{table}') AS tree JOIN pg_class ON pg_class.oid = tree.relid
    WHERE tree.isleaf ORDER BY tree.relid
""")).scalars().all():
    op.execute(sa.text(statement.replace(":", "\\\\:")))'''
_COLON = re.compile(r"(?<!:):(?!:)")
_BODY = re.compile(r" (USING .*)\Z", re.DOTALL)


def index_by_partition(statement: Statement, table: Table, known: Known) -> Rewrite:
    """Return an index of a partitioned table: on it alone, then concurrently on each partition, then attached.

    :param statement: the operation.
    :param table: its table, which is partitioned.
    :param known: what is known.
    :raises NotFixableError: the index has no name, or a partition is partitioned itself.
    """
    partitions = _partitions(table, known)
    index = _index(table, statement.name, known)
    suffix, name = _suffix(index, partitions, known), qualified(index.name)
    target = qualified(*filter(None, (statement.schema, table.name)))
    unique, body = "UNIQUE " if index.unique else "", _body(index)
    own = qualified(*filter(None, (statement.schema, index.name)))
    child = f"left(relname, {63 - len(suffix)}) || {_literal(suffix)}"
    create = f"'CREATE {unique}INDEX CONCURRENTLY IF NOT EXISTS %I ON %s %s'"
    build = _format(create, child, "tree.relid::regclass", _literal(body))
    attach = _format(f"'ALTER INDEX {_inside(own)} ATTACH PARTITION %s.%I'", "relnamespace::regnamespace", child)
    drop = _format("'DROP INDEX CONCURRENTLY IF EXISTS %s.%I'", "relnamespace::regnamespace", child)
    only = execute(f"CREATE {unique}INDEX {name} ON ONLY {target} {body}", width=known.width)
    undone = known.undoing(op="drop_index", index_name=index.name)
    gone = execute(f"DROP INDEX IF EXISTS {own}", width=known.width)
    return Rewrite(
        here=(only,),
        steps=(
            Step(
                kind="concurrent",
                title=f"Build {index.name} of each partition",
                up=(autocommit([_each(build, target)]),),
                down=(autocommit([_each(drop, target)]),),
            ),
            Step(
                kind="ddl",
                title=f"Attach the indexes to {index.name}",
                up=(_each(attach, target),),
                # An attached index cannot be detached: the one above it goes and comes back alone.
                down=(gone, only, autocommit([_each(build, target)])),
            ),
        ),
        back=() if undone else (gone,),
        names=frozenset({index.name}),
        said=(f"{index.name} of {table.qualified} is built concurrently on each partition and attached",),
    )


def key_by_partition(statement: Statement, table: Table, known: Known) -> Rewrite:
    """Return a foreign key of a partitioned table as one of each partition, which is validated there before the table has it.

    Before PostgreSQL 18 a partitioned table takes no foreign key that is NOT VALID; it takes over those of its partitions.

    :param statement: the operation.
    :param table: its table, which is partitioned.
    :param known: what is known.
    :raises NotFixableError: the key has no name, or a partition is partitioned itself.
    """
    _partitions(table, known)
    after = known.table(table.name, table.schema, after=True)
    key = next((each for each in (after.constraints if after else ()) if each.name == statement.name), None)
    if key is None:
        raise NotFixableError("the constraint has no name in the revision", manual="name it, then run this command again")
    target = qualified(*filter(None, (statement.schema, table.name)))
    name = _inside(qualified(key.name))
    relation = "tree.relid::regclass"
    add = _format(f"'ALTER TABLE %s ADD CONSTRAINT {name} %s NOT VALID'", relation, _literal(key.definition))
    check = _format(f"'ALTER TABLE %s VALIDATE CONSTRAINT {name}'", relation)
    drop = _format(f"'ALTER TABLE %s DROP CONSTRAINT IF EXISTS {name}'", relation)
    undone = known.undoing(op="drop_constraint", constraint_name=key.name)
    gone = execute(f"ALTER TABLE {target} DROP CONSTRAINT IF EXISTS {qualified(key.name)}", width=known.width)
    return Rewrite(
        here=(_each(add, target),),
        steps=(
            Step(
                kind="validate",
                title=f"Validate {key.name} of each partition",
                up=(_each(check, target),),
                down=(_each(drop, target), _each(add, target)),
            ),
            Step(
                kind="ddl",
                title=f"Add {key.name} to {table.name}",
                up=(commented(statement, statement.code),),
                down=(gone, _each(add, target), _each(check, target)),
            ),
        ),
        undone=undone,
        back=(_each(drop, target),),
        names=frozenset({key.name}),
        said=(f"{key.name} of {table.qualified} is validated on each partition before the table takes it over",),
    )


def _partitions(table: Table, known: Known) -> list[Table]:
    found = [each for each in known.before.tables if each.partition_bound and table.qualified in each.inherits]
    if any(each.partition_key for each in found):
        raise NotFixableError(
            f"partitions of {table.qualified} are partitioned themselves",
            manual="the same by hand, from the leaves to the top: for each leaf, then ON ONLY and ATTACH PARTITION on each level",
        )
    return found


def _index(table: Table, name: str, known: Known) -> Index:
    after = known.table(table.name, table.schema, after=True)
    found = next((each for each in (after.indexes if after else ()) if each.name == name), None)
    if found is None:
        raise NotFixableError("the index has no name in the revision", manual="name it, then run this command again")
    return found


def _body(index: Index) -> str:
    found = _BODY.search(index.definition)
    if found is None:
        raise NotFixableError(f"{index.definition} cannot be read", manual="write it as SQL, for each partition")
    return found[1]


def _suffix(index: Index, partitions: list[Table], known: Known) -> str:
    """Return what the server has put behind the name of each partition to name its index."""
    for partition in partitions:
        before = {each.name for each in partition.indexes}
        after = known.table(partition.name, partition.schema, after=True)
        for each in after.indexes if after else ():
            if each.name not in before and _body(each) == _body(index) and each.name.startswith(partition.name):
                return each.name.removeprefix(partition.name)
    return f"_{'_'.join(filter(None, index.columns)) or 'expr'}_idx"


def _format(*arguments: str) -> str:
    return "format(\n        " + ",\n        ".join(arguments) + "\n    )"


def _each(expression: str, table: str) -> str:
    return _EACH.format(expression=_COLON.sub(r"\\\\:", expression.replace("\\", "\\\\")), table=_inside(table))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _inside(text: str) -> str:
    """Return what stands inside a literal of SQL."""
    return text.replace("'", "''")
