-- Queries with what is behind their columns: ? it may be NULL and is in some row, ! it never is, ~ out of caution it is said that it may be.
-- The names of those that PostgreSQL 18 brought begin with 18.

-- columns: !!?!
select id, name, nick, word from a

-- star: !!?!!!!!?
select a.*, b.a_id from a, b

-- left join: !???!
select b.id, a.id, a.name, a.nick, b.label from b left join a on a.id = b.a_id

-- right join: ?!?
select b.id, a.id, b.label from b right join a on a.id = b.a_id

-- full join: ??
select b.id, a.id from b full join a on a.id = b.a_id

-- inner join: !!
select b.id, a.name from b join a on a.id = b.a_id

-- cross join: !!
select b.label, a.name from b cross join a

-- join in a join: !??
select x.id, y.id, z.label from a x left join (b y join b z on y.id = z.id) on y.a_id = x.id

-- left join of a left join: ??
select y.id, z.name from b x left join (b y left join a z on false) on y.id = x.id and y.id = 1

-- join that is renamed: !?
select j.n, j.l from (a left join b on b.a_id = a.id) as j(i, n, k, w, d, s, at, ki, bi, ai, l)

-- left join with using: !!?!
select id, name, label, kind from a left join b using (id, kind)

-- right join with using: !?!
select kind, name, label from (select * from a where false) x right join b using (kind)

-- full join with using: !??
select kind, name, label from a full join (select * from b where kind <> 'k') c using (kind)

-- inner join with using: !
select a_id from b join (select a_id from b) c using (a_id)

-- natural join: !!?
select id, kind, label from a natural left join b

-- where it is not null: !~!
select a.id, a.name, nick from b left join a on a.id = b.a_id where a.id is not null and nick is not null

-- or says nothing: ?
select nick from a where nick is not null or id > 0

-- lateral join: !?
select b.id, x.name from b left join lateral (select name from a where a.id = b.a_id) x on true

-- lateral column: !?
select x.label, x.nick from a, lateral (select b.label, a.nick from b) x

-- query in from: !!?
select x.id, x.name, x.nick from (select * from a) x

-- query in a left join: ?
select x.id from b left join (select id from a) x on x.id = b.a_id

-- with: !?
with x as (select id, nick from a), y as (select x.* from x) select * from y

-- with names: ?!
with x(p, q) as (select id, nick from a) select q, p from x

-- recursive: !
with recursive t(n) as (select 1 union all select n + 1 from t where n < 3) select n from t

-- recursive with nulls: !?
with recursive t(n, m) as (select 1, 'a'::text union all select n + 1, (select nick from a where a.id = n)
    from t where n < 3) select n, m from t

-- recursive through another column: ??
with recursive t(n, p, q) as (select 1, 'a'::text, 'b'::text union all select n + 1, q, null from t where n <
    3) select p, q from t

-- union: !??
select id, name, nick from a union all select id, null, label from b

-- except: ?
select nick from a except select label from b

-- except of the other side: !
select name from a except select nick from a where nick is null

-- intersect: !
select nick from a intersect select name from a

-- values: !??
values (1, 'a', null), (2, null, null)

-- values in from: !?
select v.x, v.y from (values (1, 'a'), (2, null)) v(x, y)

-- view: !!?
select id, name, nick from plain

-- view with a join: !??
select id, name, word from joined

-- materialized view: ~~
select id, name from kept

-- child without the constraint: !?
select id, note from base

-- partitioned: !!?
select id, label, extra from parts

-- count: !!
select count(*), count(nick) filter (where false) from a

-- sum over nothing: ???
select sum(id), max(name), array_agg(id) from a where false

-- sum of groups: ?!?!!
select nick, max(id), max(nick), count(*), array_agg(nick) from a group by nick

-- filtered sum of groups: ?
select max(id) filter (where false) from a group by nick

-- rollup: ?~!~
select name, 'x', count(*), max(id) from a group by rollup(name)

-- window: !?~!
select row_number() over (), lag(id) over (), max(id) over (), rank() over (order by id) from a

-- coalesce: !?!
select coalesce(nick, name), coalesce(nick, nick), coalesce(nick, 'none') from a

-- exists: !?!
select exists (select from a where false), 1 in (select null::int from a), array(select nick from a where
    false)

-- scalar query: ?!?
select (select name from a where false), (select count(*) from a where false), (select 1 where false)

-- scalar query with a limit: ?
select (select count(*) from a limit 0)

-- literals: !!?!!!!
select 1, 'a', null, true, date '2024-01-01', array[null], row(null)

-- current: !!!!
select current_date, current_timestamp, localtime, now()

-- case: ?!?
select case when id = 1 then 'a' end, case when id = 1 then 'a' else 'b' end, case when id = 1 then 'a' else
    nick end from a

-- comparisons: !?!!!
select id = 1, nick = 'a', id > 1 and name = 'x', nick is null, nick is distinct from 'a' from a

-- rows: ?
select (id, nick) = (1, null) from a where id = 1

-- in: !??!!?
select id in (1, 2), id in (5, null), nick in ('a'), id between 1 and 2, name like 'x', nick ilike 'x' from a

-- any: ?
select id = any(array[5, null]) from a

-- arithmetic: !?!?!!
select id + 1, id * null, name || 'a', name || nick, -id, at + interval '1 day' from a

-- json: ??!~
select data -> 'x', data ->> 'n', data, (data -> 'n')::text from a

-- json casts: !?!
select jsonb_build_object('a', nick), (data -> 'zz')::text, to_jsonb(name) from a

-- casts: !?!!
select id::text, nick::text, '1'::integer, cast(name as varchar(1)) from a

-- strict functions: ~?!!!
select lower(name), lower(nick), length(name), round(id::numeric, 1), date_trunc('day', at) from a

-- bounds of ranges: ?~
select upper(span), isempty(span) from a

-- functions of others: ?
select nothing(name) from a

-- nullif and greatest: ?!
select nullif(id, 1), greatest(id, null) from a

-- at time zone: !
select at at time zone 'UTC' from a

-- functions in from: !
select * from generate_series(1, 2) as n

-- functions in from that may give null: ?
select u.x from unnest(array[1, null]) as u(x)

-- column of the query around: ?
select (select o.id + b.id from b where b.a_id = o.id) from a o

-- insert: !?!!?!!
insert into b values (9, null, 'l', 'k') returning id, a_id, label, *

-- update from: !?!
update b set label = 'x' from a where b.id = a.id returning b.label, a.nick, a.name

-- update from a left join: ?!
update b set label = 'x' from a left join base on false where b.id = a.id returning base.id, a.id

-- delete: !?
with gone as (delete from b returning *) select id, a_id from gone

-- nobody knows the columns: ~?
select a.id, f.* from a, jsonb_to_record('{}') as f(x integer)

-- 18 old and new rows: ?~!
insert into b values (9, null, 'l', 'k') returning old.id, new.label, label

-- 18 merge: ~!?
merge into b using (values (1), (7)) s(i) on b.id = s.i when matched then delete when not matched then insert
    values (s.i, null, 'n', 'k') returning s.i, b.label, b.a_id

-- 18 null of json: ~?
select (data -> 'n')::text, (data -> 'n')::integer from a where id = 1
