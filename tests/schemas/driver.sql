-- Beside NASTY: a column of every type that a driver may deliver in its own way, and rows.
CREATE TABLE driver (
    "bool" boolean, bools boolean[], big bigint, bigs bigint[], num numeric, nums numeric[], money money, monies money[], oid oid,
    f real, fs real[], d date, ds date[], t timestamp, ts timestamp[], tz timestamptz, tzs timestamptz[],
    "time" time, "times" time[],
    i interval, "is" interval[], b bytea, bs bytea[], j json, js json[], jb jsonb, p point, ps point[], c circle, u uuid, us uuid[],
    v varchar(3), vs varchar(3)[], ch "char", chs "char"[], name name, names name[], ip inet, ips inet[], mac macaddr8,
    macs macaddr8[],
    x xml, xs xml[], r numrange, rs numrange[], r4 int4range, r4s int4range[], bit bit(3), bits bit(3)[], cx citext[], box box,
    mood mood, moods mood[], positive positive, positives positive[], home address, homes address[]
);
INSERT INTO driver VALUES (
    true, '{t,f}', 12345678901234567, '{1}', 1.5, '{1.5}', 2, '{2}', 7, 0.5, '{0.5}', '2024-02-29', '{2024-02-29}',
    '2024-02-29 12:00', '{2024-02-29 12:00}', '2024-02-29 12:00+00', '{2024-02-29 12:00+00}',
    '12:00', '{12:00}', '1 day 2 hours', '{1 day}',
    '\x00ff', '{"\\x00"}', '{"a": 1}', '{"{}"}', '[1]', '(1,2)', '{"(1,2)"}', '<(1,2),3>',
    '00000000-0000-0000-0000-000000000001', '{00000000-0000-0000-0000-000000000001}', 'abc', '{abc}', 'x', '{x}', 'n', '{n}',
    '10.0.0.1', '{10.0.0.1}', '08:00:2b:01:02:03', '{08:00:2b:01:02:03}', NULL, NULL, '[1,2)', '{"[1,2)"}', '[1,2)', '{"[1,2)"}',
    B'101', '{101}', '{a}', '(1,1),(0,0)', 'happy', '{happy}', 1, '{1}', '("a street",1)', '{"(a,1)"}'
);
INSERT INTO driver DEFAULT VALUES;
INSERT INTO clients (email, name, home, born, raw, place, length, matrix, price)
    VALUES ('a@b', 'Ann', '("a street",1)', '2024-02-29', '\x00ff', '(1,2)', '1 day 2 hours', '{1,2}', 3),
    ('c@d', 'Bob', NULL, NULL, NULL,
    NULL, NULL, NULL, NULL);
INSERT INTO pets (client_id, "1st", "größe", "Mood") VALUES (1, 1, 1.5, 'happy');
INSERT INTO "Odd Schema"."Order ""line"" | %" VALUES (1, 1, 'from');
INSERT INTO events (at) VALUES ('2024-02-29');
REFRESH MATERIALIZED VIEW counts;

