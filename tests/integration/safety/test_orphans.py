"""Orphans of foreign keys that PostgreSQL does not vouch for."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from seachange.plan import Finding
from seachange.postgres.connection import Database
from seachange.postgres.server import Server
from seachange.safety.integrity import check_integrity, parse_key
from seachange.testing.fixtures import fresh_database
from tests.integration.safety.damaged import PETS, filled, said


def test_orphans_of_a_key_that_is_not_valid_are_counted_with_samples(each_database: Database) -> None:
    script = PETS + "alter table pets add constraint fk foreign key (client_id) references clients not valid"
    with filled(each_database, script) as connection:
        orphan, unvalidated = check_integrity(connection)

    assert orphan == Finding(
        code="orphan",
        message="public.pets: 3 rows have no counterpart in public.clients for foreign key fk: client_id = 17, 18",
        hint="find them: SELECT c.* FROM ONLY public.pets AS c WHERE c.client_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ONLY"
        " public.clients AS p WHERE p.id OPERATOR(pg_catalog.=) c.client_id); delete them, set the columns to NULL, or insert"
        " what is missing; then ALTER TABLE public.pets VALIDATE CONSTRAINT fk;",
    )
    assert (unvalidated.code, unvalidated.severity) == ("unvalidated-constraint", "warning")
    assert unvalidated.hint == "ALTER TABLE public.pets VALIDATE CONSTRAINT fk;"


def test_the_hints_do_what_they_say(each_database: Database) -> None:
    script = PETS + "alter table pets add constraint fk foreign key (client_id) references clients not valid"
    with filled(each_database, script) as connection:
        orphan, unvalidated = check_integrity(connection)
        find = re.search(r"find them: (SELECT.*?;)", orphan.hint)
        assert find is not None
        assert sorted(connection.execute(find[1].encode()).fetchall()) == [(2, 17), (3, 17), (4, 18)]
        connection.execute("delete from pets where client_id > 1")
        connection.execute(unvalidated.hint.encode())
        connection.commit()

        assert check_integrity(connection, every=True) == ()


def test_samples_are_bounded(database: Database) -> None:
    script = PETS + "insert into pets select n, n from generate_series(100, 1099) n;"
    with filled(database, script) as connection:
        planned = [parse_key("pets.client_id=clients.id")]
        few = check_integrity(connection, planned=planned, sample=2)
        none = check_integrity(connection, planned=planned, sample=0)

    key = "the planned foreign key pets.client_id=clients.id"
    sentence = f"public.pets: 1003 rows have no counterpart in public.clients for {key}"
    assert said(few) == [("orphan", f"{sentence}: client_id = 17, 18 and 1000 more")]
    assert said(none) == [("orphan", sentence)]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param(
            """
            create table orders (a integer, b text, primary key (a, b));
            create table lines (id integer, a integer, b text);
            insert into orders values (1, 'x');
            insert into lines values (1, 1, 'x'), (2, 1, 'y'), (3, null, 'y'), (4, 1, null), (5, null, null);
            alter table lines add constraint fk foreign key (a, b) references orders not valid;
            """,
            "public.lines: 1 row has no counterpart in public.orders for foreign key fk: (a, b) = (1, y)",
            id="composite: a null in any column is allowed",
        ),
        pytest.param(
            """
            create table orders (a integer, b text, primary key (a, b));
            create table lines (id integer, a integer, b text);
            insert into orders values (1, 'x');
            insert into lines values (1, 1, 'x'), (2, 1, 'y'), (3, null, 'y'), (4, 1, null), (5, null, null);
            alter table lines add constraint fk foreign key (a, b) references orders match full not valid;
            """,
            "public.lines: 3 rows have no counterpart in public.orders for foreign key fk: (a, b) = (1, y), (1, NULL), (NULL, y)",
            id="match full: all null or none",
        ),
        pytest.param(
            """
            create table nodes (id integer primary key, parent_id integer);
            insert into nodes values (1, null), (2, 1), (3, 3), (4, 9);
            alter table nodes add constraint fk foreign key (parent_id) references nodes not valid;
            """,
            "public.nodes: 1 row has no counterpart in public.nodes for foreign key fk: parent_id = 9",
            id="a table that refers to itself",
        ),
        pytest.param(
            """
            create schema "My Schema";
            create table "My Schema"."Order %s {x}" ("the ""id" bigint primary key);
            create table "select" ("from.to" integer);
            insert into "select" values (7);
            alter table "select" add constraint "fk %" foreign key ("from.to") references "My Schema"."Order %s {x}" not valid;
            """,
            'public."select": 1 row has no counterpart in "My Schema"."Order %s {x}" for foreign key "fk %": "from.to" = 7',
            id="quoted names and types of two sizes",
        ),
        pytest.param(
            """
            create table parents (id integer primary key);
            create table children (id integer, parent_id integer, primary key (id, parent_id)) partition by list (parent_id);
            create table children_1 partition of children for values in (1);
            create table children_2 partition of children default;
            insert into parents values (1), (2);
            alter table children add constraint fk foreign key (parent_id) references parents;
            insert into children values (1, 1), (2, 2);
            set session_replication_role = replica;
            delete from parents where id = 2;
            """,
            "public.children: 1 row has no counterpart in public.parents for foreign key fk: parent_id = 2",
            id="a partitioned child",
        ),
        pytest.param(
            """
            create table parents (id integer primary key) partition by range (id);
            create table parents_1 partition of parents for values from (1) to (10);
            create table parents_2 partition of parents for values from (10) to (20);
            create table children (parent_id integer references parents);
            insert into parents values (1), (11);
            insert into children values (1), (11);
            set session_replication_role = replica;
            delete from parents where id = 11;
            """,
            "public.children: 1 row has no counterpart in public.parents for foreign key children_parent_id_fkey: parent_id = 11",
            id="a partitioned parent",
        ),
        pytest.param(
            """
            create table parents (id integer primary key);
            create table heirs () inherits (parents);
            create table children (parent_id integer);
            insert into heirs values (1);
            insert into children values (1);
            alter table children add constraint fk foreign key (parent_id) references parents not valid;
            """,
            "public.children: 1 row has no counterpart in public.parents for foreign key fk: parent_id = 1",
            id="a row of an inheriting table is no parent",
        ),
        pytest.param(
            """
            create extension citext;
            create table parents (name citext primary key);
            create table children (name citext);
            insert into parents values ('Rex');
            insert into children values ('REX'), ('Bo');
            alter table children add constraint fk foreign key (name) references parents not valid;
            """,
            "public.children: 1 row has no counterpart in public.parents for foreign key fk: name = Bo",
            id="an operator of an extension",
        ),
        pytest.param(
            """
            create table parents (name text collate "C" primary key);
            create table children (name text collate "POSIX");
            insert into children values ('Bo');
            alter table children add constraint fk foreign key (name) references parents not valid;
            """,
            "public.children: 1 row has no counterpart in public.parents for foreign key fk: name = Bo",
            id="two collations",
        ),
        pytest.param(
            """
            create table parents (id text primary key);
            create table children (id text);
            insert into children values (repeat('x', 100));
            alter table children add constraint fk foreign key (id) references parents not valid;
            """,
            f"public.children: 1 row has no counterpart in public.parents for foreign key fk: id = {'x' * 60}…",
            id="a long key",
        ),
    ],
)
def test_orphans_are_found(each_database: Database, script: str, message: str) -> None:
    with filled(each_database, script) as connection:
        connection.execute("set session_replication_role = origin")
        connection.execute("set search_path = pg_catalog")
        connection.commit()

        assert [text for code, text in said(check_integrity(connection, every=True)) if code == "orphan"] == [message]


def test_keys_that_postgresql_vouches_for_are_left_alone_unless_every_one_is_asked_for(database: Database) -> None:
    script = (
        PETS
        + """
        delete from pets where id > 1;
        alter table pets add constraint fk foreign key (client_id) references clients;
        set session_replication_role = replica;
        delete from clients;
    """
    )
    with filled(database, script) as connection:
        assert check_integrity(connection) == ()
        assert [finding.code for finding in check_integrity(connection, every=True)] == ["orphan"]


def test_keys_that_are_not_enforced_are_looked_at(server_of: Callable[[int], Server]) -> None:
    script = PETS + "alter table pets add constraint fk foreign key (client_id) references clients not enforced"
    with fresh_database(server_of(18)) as database, filled(database, script) as connection:
        orphan, not_enforced = check_integrity(connection)

    assert orphan.message.startswith("public.pets: 3 rows have no counterpart")
    assert (not_enforced.code, not_enforced.severity) == ("constraint-not-enforced", "info")


def test_a_period_has_to_be_covered_by_the_parents_together(server_of: Callable[[int], Server]) -> None:
    script = """
        create extension btree_gist;
        create table jobs (id integer, during int4range, primary key (id, during without overlaps));
        create table shifts (job_id integer, during int4range,
                             constraint fk foreign key (job_id, period during) references jobs (id, period during));
        insert into jobs values (1, '[1,5)'), (1, '[5,9)');
        insert into shifts values (1, '[2,8)');
        set session_replication_role = replica;
        insert into shifts values (1, '[2,10)'), (2, '[1,2)');
        set session_replication_role = origin;
    """
    with fresh_database(server_of(18)) as database, filled(database, script) as connection:
        assert said(check_integrity(connection, every=True)) == [
            (
                "orphan",
                (
                    "public.shifts: 2 rows have no counterpart in public.jobs for foreign key fk:"
                    " (job_id, during) = (1, [2,10)), (2, [1,2))"
                ),
            )
        ]
