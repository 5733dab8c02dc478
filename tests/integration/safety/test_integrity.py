"""The whole check: what it looks at, what it leaves alone, what stops it."""

from __future__ import annotations

import contextlib

import pytest
from psycopg.pq import TransactionStatus

from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.safety.integrity import check_integrity, parse_key
from seachange.testing.fixtures import fresh_database
from tests.integration.safety.damaged import PETS, filled, said
from tests.schemas import CLINIC, NASTY


@pytest.mark.parametrize("script", [pytest.param("", id="empty"), pytest.param(CLINIC, id="clinic")])
def test_a_sound_database_has_no_findings(each_database: Database, script: str) -> None:
    with filled(each_database, script or "select") as connection:
        assert check_integrity(connection) == ()
        assert check_integrity(connection, every=True) == ()
        assert connection.info.transaction_status == TransactionStatus.IDLE


def test_the_nasty_schema_can_be_checked_whole(each_database: Database) -> None:
    with filled(each_database, NASTY) as connection:
        assert said(check_integrity(connection, every=True)) == [
            ("unvalidated-constraint", "public.pets: check constraint later is NOT VALID: older rows were never checked")
        ]


def test_a_planned_key_is_looked_at_alone(each_database: Database) -> None:
    with filled(
        each_database, PETS + "create table other (id integer); alter table other add check (id > 0) not valid"
    ) as connection:
        found = check_integrity(connection, planned=[parse_key("pets.client_id -> clients.id")])
        sound = check_integrity(connection, planned=[parse_key("clients.id=clients.id")])

    assert [finding.code for finding in found] == ["orphan"]
    assert "VALIDATE" not in found[0].hint
    assert sound == ()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param(
            "nothing.id=clients.id",
            ("planned-key-unknown", "the planned foreign key nothing.id=clients.id: there is no table nothing"),
            id="no table",
        ),
        pytest.param(
            "pets.owner=clients.id",
            ("planned-key-unknown", "the planned foreign key pets.owner=clients.id: public.pets has no column owner"),
            id="no column",
        ),
        pytest.param(
            "clients.id=pets.client_id",
            ("planned-key-not-unique", "public.pets (client_id) is not unique, so no foreign key can refer to it"),
            id="the parent is not unique",
        ),
        pytest.param(
            "pets.born=clients.id",
            (
                "orphans-not-checked",
                (
                    "public.pets: the planned foreign key pets.born=clients.id was not checked:"
                    " operator does not exist: integer = date"
                ),
            ),
            id="types that cannot be compared",
        ),
    ],
)
def test_a_planned_key_that_cannot_be_made_is_explained(database: Database, key: str, expected: tuple[str, str]) -> None:
    with filled(database, PETS + "alter table pets add born date") as connection:
        assert said(check_integrity(connection, planned=[parse_key(key)])) == [expected]


def test_a_check_that_takes_too_long_is_a_warning(database: Database) -> None:
    script = """
        create table parents (id integer primary key);
        create table children (id integer);
        insert into children select n from generate_series(1, 1000000) n;
        alter table children add constraint fk foreign key (id) references parents not valid;
    """
    with filled(database, script) as connection:
        findings = check_integrity(connection, timeout_ms=50)

    assert ("orphans-not-checked", "public.children: foreign key fk was not checked within 0.05 s") in said(findings)
    assert {finding.severity for finding in findings} == {"warning"}


def test_a_locked_table_is_a_warning_and_the_others_are_checked(database: Database) -> None:
    script = (
        PETS
        + """
        alter table pets add constraint fk foreign key (client_id) references clients not valid;
        create table more (client_id integer);
        insert into more values (99);
        alter table more add constraint fk2 foreign key (client_id) references clients not valid;
    """
    )
    with filled(database, script) as holder, contextlib.closing(connect(database, lock_timeout_ms=100)) as connection:
        holder.execute("lock table pets in access exclusive mode")
        found = said(check_integrity(connection))

    assert found[:2] == [
        ("orphan", "public.more: 1 row has no counterpart in public.clients for foreign key fk2: client_id = 99"),
        ("orphans-not-checked", "public.pets: foreign key fk was not checked, because another session holds a lock on it"),
    ]


def test_rows_that_a_policy_hides_are_no_silent_success(server: Server) -> None:
    script = (
        PETS
        + """
        alter table pets add constraint fk foreign key (client_id) references clients not valid;
        alter table pets enable row level security;
        drop role if exists sees_little;
        create role sees_little;
        grant select on all tables in schema public to sees_little;
    """
    )
    with fresh_database(server) as database, filled(database, script) as connection:
        connection.execute("set role sees_little")
        connection.commit()
        found = said(check_integrity(connection))
        connection.execute("reset role")
        connection.execute("drop owned by sees_little; drop role sees_little")
        connection.commit()

    assert found[0] == (
        "orphans-not-checked",
        'public.pets: foreign key fk was not checked: query would be affected by row-level security policy for table "pets"',
    )


def test_only_the_schemas_that_are_asked_for_are_looked_at(database: Database) -> None:
    script = "create schema s; create table s.t (id serial primary key); insert into s.t values (5);" + PETS
    with filled(database, script) as connection:
        assert check_integrity(connection, schemas=("public",)) == ()
        assert [finding.code for finding in check_integrity(connection, schemas=("s",))] == ["sequence-behind"]


def test_an_open_transaction_stays_open_and_its_rows_are_seen(database: Database) -> None:
    with filled(database, PETS) as connection:
        connection.execute("delete from pets where client_id > 1")
        assert check_integrity(connection, planned=[parse_key("pets.client_id=clients.id")]) == ()
        assert connection.info.transaction_status == TransactionStatus.INTRANS
        connection.rollback()
        assert len(check_integrity(connection, planned=[parse_key("pets.client_id=clients.id")])) == 1
