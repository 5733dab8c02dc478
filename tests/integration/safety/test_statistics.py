"""Sizes of tables as the server has counted them."""

from __future__ import annotations

import contextlib
import dataclasses

from seachange.postgres.connection import Database, connect
from seachange.safety.statistics import Statistics, read_statistics

_SCRIPT = """
create table small (id int primary key);
create table never_counted (id int) with (autovacuum_enabled = off);
create table "Order" (id int, at date) partition by range (at);
create table part_1 partition of "Order" for values from ('2026-01-01') to ('2026-02-01');
create table part_2 partition of "Order" for values from ('2026-02-01') to ('2026-03-01');
insert into "Order" select n, '2026-01-05' from generate_series(1, 300) n;
insert into "Order" select n, '2026-02-05' from generate_series(1, 700) n;
create index part_1_id on part_1 (id);
analyze;
"""


def _read(database: Database, script: str) -> Statistics:
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute(script.encode())
        return read_statistics(connection)


def test_tables_say_their_rows_and_sizes(each_database: Database) -> None:
    found = _read(each_database, _SCRIPT)

    assert {name: one.rows for name, one in found.tables.items()} == {
        "public.small": 0,
        "public.never_counted": 0,
        'public."Order"': 1000,
        "public.part_1": 300,
        "public.part_2": 700,
    }
    parts = [found.tables[name].bytes for name in ("public.part_1", "public.part_2")]
    assert found.tables['public."Order"'].bytes == sum(parts)
    assert min(parts) > 0
    assert found.indexes["public.part_1_id"].table == "public.part_1"
    assert found.indexes["public.part_1_id"].bytes > 0
    assert found.source == f"database {each_database.name}"


def test_a_table_that_was_never_counted_is_not_called_empty(each_database: Database) -> None:
    with contextlib.closing(connect(each_database)) as connection:
        connection.execute("create table t (id int) with (autovacuum_enabled = off)")
        connection.execute("create table p (id int) partition by list (id)")
        connection.execute("create table p1 partition of p for values in (1) with (autovacuum_enabled = off)")
        connection.execute("insert into t values (1)")
        connection.execute("insert into p values (1)")
        found = read_statistics(connection)

    assert (found.tables["public.t"].rows, found.tables["public.p1"].rows, found.tables["public.p"].rows) == (None, None, None)


def test_statistics_come_back_from_their_file(each_database: Database) -> None:
    found = _read(each_database, _SCRIPT)

    assert found.complete
    assert Statistics.from_json(found.to_json()) == dataclasses.replace(found, complete=False)
