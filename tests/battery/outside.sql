create index concurrently i on t(b)
create index concurrently if not exists i on t(b)
reindex index concurrently i
drop index concurrently i
create unique index concurrently u on t((1))
create unique index concurrently if not exists u on t((1))
reindex index concurrently u
drop index concurrently u
drop index concurrently if exists u_ccnew
reindex table concurrently y
create unique index concurrently mv_id on mv(id)
refresh materialized view concurrently mv
drop index concurrently mv_id
create index concurrently pt_k on pt(k)
reindex table pt
alter table pt detach partition pt2 concurrently
alter table s1 inherit par
vacuum t
vacuum full t
vacuum full t, y
vacuum (skip_locked) t
do $$ begin perform 1; commit; end $$
