"""Masking: what an expression says stands in the copy, and the old values nowhere."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.backup.masking import apply_mask, read_mask
from seachange.config import Settings
from seachange.errors import ConfigError
from seachange.postgres.connection import Database, Session, connect, create_database
from seachange.postgres.server import throwaway

# Never together in the source of a statement that the server could write down.
_CANARY = ("kanarien", "vogel7391")

_SCHEMA = """
create table owners (id int primary key, email text not null unique, name varchar(40), born date, upper_name text
    generated always as (upper(name)) stored);
create schema other;
create table "other"."Odd Table" (id int, "the e-mail" text);
create table twice (a int);
create table other.twice (a int);
create view seen as select * from owners;
insert into owners select n, 'person' || n || '@example.com', 'Name ' || n, date '1980-01-01' + n from generate_series(1, 50) n;
insert into other."Odd Table" select n, 'x' || n from generate_series(1, 5) n;
"""


@pytest.fixture
def masked(each_database: Database) -> Iterator[Session]:
    with contextlib.closing(connect(each_database, autocommit=True)) as session:
        session.execute(_SCHEMA.encode())
        yield session


def test_columns_get_what_their_expressions_give(masked: Session, each_database: Database) -> None:
    mask = {
        "owners.email": "'user' || id || '@example.invalid'",
        "public.owners.name": "'Owner of ' || email -- the one before",
        'other."Odd Table"."the e-mail"': 'md5("the e-mail")',
    }
    told: list[str] = []
    found = apply_mask(each_database, mask.items(), progress=told.append)
    assert [one.sentence for one in found] == [
        "public.owners: email, name masked in 50 rows",
        'other."Odd Table": the e-mail masked in 5 rows',
    ]
    assert masked.execute("select * from owners where id = 7").fetchone() == (
        7,
        "user7@example.invalid",
        "Owner of person7@example.com",
        datetime.date(1980, 1, 8),
        "OWNER OF PERSON7@EXAMPLE.COM",
    )
    assert told[0] == "masking public.owners, 1 of 2 tables"


@pytest.mark.parametrize(
    ("key", "expression", "said"),
    [
        pytest.param("email", "''", "'email' is no name of a column", id="no table"),
        pytest.param("a.b.c.d", "''", "'a.b.c.d' is no name of a column", id="too many names"),
        pytest.param('owners."', "''", "is no name of a column", id="no name at all"),
        pytest.param("nobody.email", "''", "nobody.email: there is no table nobody", id="unknown table"),
        pytest.param("owners.mail", "''", "owners.mail: table public.owners has no column 'mail'", id="unknown column"),
        pytest.param("twice.a", "1", "can be in several tables: other.twice, public.twice", id="ambiguous table"),
        pytest.param("seen.email", "''", "public.seen is a view", id="view"),
        pytest.param("owners.upper_name", "''", "is generated from others", id="generated column"),
        pytest.param("owners.email", "'x", "owners.email: unterminated quoted string", id="does not parse"),
        pytest.param(
            "owners.born", "email || 'x'", "owners.born: .*born.* is of type date but expression is of type text", id="type"
        ),
        pytest.param("owners.email", "nickname", 'owners.email: column "nickname" does not exist', id="unknown name"),
        pytest.param("owners.email", "''); drop table twice; select (1", "cannot insert multiple commands", id="two statements"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_changes(
    masked: Session, each_database: Database, key: str, expression: str, said: str
) -> None:
    before = masked.execute("select md5(array_agg(o order by id)::text) from owners o").fetchone()
    with pytest.raises(ConfigError, match=f"setting rehearsal_mask: .*{said}"):
        apply_mask(each_database, [("owners.name", "'x'"), (key, expression)])
    assert masked.execute("select md5(array_agg(o order by id)::text) from owners o").fetchone() == before


def test_a_column_named_twice_is_refused(masked: Session) -> None:
    with pytest.raises(ConfigError, match=r"public\.owners\.name and owners\.name are the same column"):
        read_mask(masked, [("owners.name", "'x'"), ("public.owners.name", "'y'")])


@pytest.mark.parametrize(
    ("key", "expression", "said"),
    [
        pytest.param("owners.email", "'same'", "duplicate key value violates unique constraint", id="not unique"),
        pytest.param("owners.email", "null", "violates not-null constraint", id="null"),
        pytest.param("owners.name", "repeat('x', 41)", "too long for type character varying", id="too long"),
    ],
)
def test_what_the_rows_do_not_take_is_told_without_their_values(
    masked: Session, each_database: Database, key: str, expression: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=f"setting rehearsal_mask: .*{key}: .*{said}") as caught:
        apply_mask(each_database, [("owners.born", "null"), (key, expression)])
    assert "person" not in str(caught.value)
    assert masked.execute("select count(born) from owners").fetchone() == (50,)


def test_triggers_and_foreign_keys_stay_out_of_it(masked: Session, each_database: Database) -> None:
    masked.execute("create table log (what text)")
    masked.execute(
        "create function note() returns trigger language plpgsql as 'begin insert into log values (old.email); return new; end'"
    )
    masked.execute("create trigger noted before update on owners for each row execute function note()")
    masked.execute("create table pets (id int, owner text references owners (email) on update cascade)")
    masked.execute("insert into pets select id, email from owners")
    apply_mask(each_database, [("owners.email", "'user' || id"), ("pets.owner", "'user' || id")])
    assert masked.execute("select count(*) from log").fetchone() == (0,)
    assert masked.execute("select count(*) from pets join owners on owner = email").fetchone() == (50,)


@pytest.mark.parametrize("major", [pytest.param(14, id="pg14"), pytest.param(18, id="pg18")])
def test_no_file_of_the_copy_holds_an_old_value(settings: Settings, major: int) -> None:
    left, right = _CANARY
    with throwaway(settings, major=major, options={"max_wal_size": "64MB"}) as server:
        database = create_database(server.database("copy"))
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute("create table parent (id int, secret text) ")
            session.execute("create table child () inherits (parent)")
            session.execute("create table parts (id int, secret text) partition by range (id)")
            session.execute("create table part partition of parts default")
            session.execute("alter table part alter secret set storage external")
            session.execute("create materialized view known as select secret, count(*) from parent group by 1")
            for table, rows in (("parent", 50_000), ("child", 1_000), ("parts", 1_000)):
                values = f"insert into {table} select n, %s || %s || n from generate_series(1, {rows}) n"
                session.execute(values.encode(), [left, right])
            session.execute("insert into parts select 0, repeat(%s || %s, 1000)", [left, right])
            session.execute("insert into parent select 0, %s || %s from generate_series(1, 9000)", [left, right])
            session.execute("create index on parent (secret)")
            session.execute("create statistics both_ (mcv) on id, secret from parent")
            session.execute("refresh materialized view known")
            session.execute("analyze")
            session.execute("checkpoint")
        assert server.data_dir is not None
        assert _places(server.data_dir, left + right)
        apply_mask(database, [("parent.secret", "'secret of ' || id"), ("parts.secret", "null")])
        assert _places(server.data_dir, left + right) == []
        with contextlib.closing(connect(database)) as session:
            assert session.execute("select count(*) from known where secret like 'secret of %'").fetchone() == (50_001,)


def _places(folder: Path, text: str) -> list[str]:
    wanted = text.encode()
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and wanted in path.read_bytes())
