"""Rows outside of a partition's bound, and rows of the default partition inside of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seachange.safety._data.bounds import inside, partition_keys
from seachange.safety._data.reading import Reader
from seachange.safety._data.told import Answer
from seachange.safety._data.values import Outside, Source
from seachange.safety.parsing import parse

__all__ = ["answer_outside"]

_KEY = """
SELECT pg_catalog.pg_get_partkeydef(p.partrelid), nullif(p.partdefid, 0)::pg_catalog.regclass::text
FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = pg_catalog.to_regclass(%s)
"""
_OTHERS = """
SELECT pg_catalog.pg_get_partition_constraintdef(c.oid)
FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = pg_catalog.to_regclass(%s) AND pg_catalog.pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT' ORDER BY c.relname
"""


def answer_outside(reader: Reader, source: Source, probe: Outside) -> Iterator[Answer]:
    """Yield the rows that are in the way of a new partition.

    :param reader: asks the database.
    :param source: the table that is attached, or the partitioned table.
    :param probe: the bound.
    :raises NotCheckedError: they could not be looked at.
    """
    known = reader.rows(_KEY, probe.parent) if not probe.keys else ()
    keys = probe.keys or (_keys_of(known[0][0]) if known else ())
    if probe.default:
        default = known[0][1] if known else None
        if default:
            yield from _in_default(reader, Source(table=default, alias=""), probe, keys=keys)
        return
    if probe.bound.strategy == "default":
        others = [text for (text,) in reader.rows(_OTHERS, probe.parent) if text]
        condition = " OR ".join(f"({text})" for text in others) or "false"
    else:
        condition = f"NOT {inside(probe.bound, keys, parent=probe.parent)}"
    matched = reader.matching(source, condition)
    if matched.count:
        verb = "is" if matched.count == 1 else "are"
        fact = f"{matched.number('row')} {verb} outside of the bound of the partition"
        remedy = "move them to where they belong before, or attach the table with a bound that holds them"
        yield Answer(table=reader.shape(source.table).qualified, fact=fact, matched=matched, remedy=remedy, code="SC807")


def _in_default(reader: Reader, source: Source, probe: Outside, *, keys: Sequence[str]) -> Iterator[Answer]:
    matched = reader.matching(source, inside(probe.bound, keys, parent=probe.parent))
    if matched.count:
        verb = "belongs" if matched.count == 1 else "belong"
        fact = f"{matched.number('row')} of the default partition {verb} into the new one"
        remedy = "detach the default partition, move the rows, attach it again"
        yield Answer(table=reader.shape(source.table).qualified, fact=fact, matched=matched, remedy=remedy, code="SC807")


def _keys_of(definition: str) -> tuple[str, ...]:
    (statement,) = parse(f"CREATE TABLE t (i int) PARTITION BY {definition}")
    return partition_keys(statement.partspec)
