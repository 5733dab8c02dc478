"""The classes of statements against what real servers lock."""

from __future__ import annotations

import contextlib

from seachange.postgres.connection import Database, Session, connect
from seachange.postgres.statements import Lock, classify

_SCHEMA = """
create type e as enum ('a');
create domain d as int constraint positive check (value > 0);
create table y (id int primary key);
create table t (id int primary key, a int default 1, b int, s text, x e, n d, y int);
alter table t add constraint c check (a > 0) not valid, add constraint fk foreign key (y) references y (id) not valid;
create index i on t (a);
create view v as select id from t;
create materialized view m as select id from t;
create unique index on m (id);
create function f() returns trigger language plpgsql as 'begin return new; end';
create trigger g before insert on t for each row execute function f();
create table p (k int) partition by range (k);
create table p1 partition of p for values from (0) to (10);
create table p2 (k int);
create statistics st on a, b from t;
"""

_STATEMENTS = """
alter table t add column c2 int
alter table t drop column b
alter table t alter column a type bigint
alter table t alter column a set not null
alter table t alter column a set default 5
alter table t alter column a set statistics 500
alter table t alter column a set (n_distinct = 5)
alter table t set (fillfactor = 70)
alter table t add constraint k check (a > 0) not valid
alter table t validate constraint c
alter table t validate constraint fk
alter table t drop constraint c
alter table t add constraint fk2 foreign key (id) references y (id) not valid
alter table t add constraint u unique (a)
alter table t disable trigger g
alter table t enable row level security
alter table t owner to current_user
alter table t replica identity full
alter table t cluster on i
alter table t set unlogged
alter table t rename column a to aa
alter table t rename to tt
alter index i rename to i2
alter index i set (fillfactor = 70)
alter table p attach partition p2 for values from (10) to (20)
alter table p detach partition p1
create table p3 partition of p for values from (20) to (30)
create table z (id int)
create table z (id int references y)
create table z (like t)
create table z as select id from y
create index i3 on t (b)
drop index i
reindex index i
reindex table t
create trigger g2 before insert on t for each row execute function f()
drop trigger g on t
create policy q on t using (true)
create rule r as on insert to t do instead nothing
create view v2 as select id from t
create or replace view v as select id from t
drop view v
alter view v rename to v9
refresh materialized view m
refresh materialized view concurrently m
truncate t
drop table t cascade
lock table t
lock table t in share update exclusive mode
lock table t in row exclusive mode
cluster t using i
comment on table t is 'x'
create statistics st2 on a, id from t
drop statistics st
analyze t
alter domain d add constraint small check (value < 9)
alter domain d add constraint small check (value < 9) not valid
alter type e add value 'b'
alter type e rename value 'a' to 'aa'
drop type e cascade
grant select on t to public
create sequence sq
create function f2() returns int language sql as 'select 1'
drop function f() cascade
update t set b = 1
delete from t
insert into t (id) values (1)
select * from t for update
with gone as (delete from t returning *) select * from gone
copy t to stdout
"""

_STRONG = {"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"}
_WEAK = {"AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"}
# EXCLUSIVE on a materialized view stops only those who refresh it.
_EXCEPTIONS = {"refresh materialized view concurrently m"}


def test_a_statement_is_blocking_exactly_if_the_server_takes_a_blocking_lock(each_database: Database) -> None:
    wrong: dict[str, tuple[Lock, set[str]]] = {}
    with contextlib.closing(connect(each_database)) as session:
        session.execute(_SCHEMA)
        session.commit()
        for statement in _STATEMENTS.strip().splitlines():
            found, held = classify(statement).lock, _locks_of(session, statement)
            blocks = bool(held & _STRONG) and statement not in _EXCEPTIONS
            online = "ShareUpdateExclusiveLock" in held or statement in _EXCEPTIONS
            if not held <= _STRONG | _WEAK or (found is Lock.BLOCKING) != blocks or (found is Lock.ONLINE and not online):
                wrong[statement] = (found, held)

    assert wrong == {}


def _locks_of(session: Session, statement: str) -> set[str]:
    """The locks on relations that existed before."""
    existing = [row[0] for row in session.execute("select oid from pg_class where oid >= 16384").fetchall()]
    cursor = session.cursor()
    if statement.startswith("copy"):
        with cursor.copy(statement.encode()) as copy:
            assert list(copy) == []
    else:
        cursor.execute(statement.encode())
    query = "select mode from pg_locks where locktype = 'relation' and pid = pg_backend_pid() and relation = any(%s)"
    found = {row[0] for row in session.execute(query, [existing]).fetchall()}
    session.rollback()
    return found
