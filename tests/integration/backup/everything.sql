-- Tables of every kind whose rows a dump carries, and some that it leaves out.
CREATE SCHEMA archive;
CREATE SCHEMA "Größe ""x""";
CREATE TABLE generated (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    shouted text GENERATED ALWAYS AS (upper(name)) STORED,
    seen timestamptz DEFAULT '2025-03-30 01:59:59.123456+00',
    took interval DEFAULT '1 day 02:03:04',
    ratio float8 DEFAULT 0.1::float8 + 0.2
);
INSERT INTO generated (name) SELECT 'client ' || n FROM generate_series(1, 500) n;
CREATE TABLE archive.arrays (id int, tags text[], grid int[][], photo bytea, document jsonb);
INSERT INTO archive.arrays
    SELECT n, ARRAY['a b', 'c"d', NULL, E'\\.', E'tab\t'], ARRAY[[n, 2], [3, 4]], decode(md5(n::text), 'hex'), jsonb_build_object('n', n)
    FROM generate_series(1, 200) n;
CREATE TABLE "Größe ""x"""."a b" ("c'd" int, "犬" text);
INSERT INTO "Größe ""x"""."a b" VALUES (1, E'tab\t, newline\n, back\\slash, 犬'), (2, E'\\.'), (3, ''), (4, NULL);
CREATE TABLE visits (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- A partition with columns of its own order, and one that was dropped.
CREATE TABLE visits_rest (gone int, note text, day date NOT NULL);
ALTER TABLE visits_rest DROP COLUMN gone;
ALTER TABLE visits ATTACH PARTITION visits_rest DEFAULT;
INSERT INTO visits SELECT date '2025-06-01' + n * 30, 'note ' || n FROM generate_series(1, 20) n;
-- A child whose columns come in another order than its parent's: a restore gives them the parent's.
CREATE TABLE parent (a int, b text);
CREATE TABLE child (b text, extra int, a int);
ALTER TABLE child INHERIT parent;
INSERT INTO parent VALUES (1, 'parent');
INSERT INTO child VALUES ('child', 9, 2);
CREATE TABLE empty (x int);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
CREATE UNLOGGED TABLE scratch (x int);
INSERT INTO scratch VALUES (1);
-- Rows of very different sizes, between which smaller ones find room in an earlier page.
CREATE TABLE uneven AS SELECT n, repeat('x', (n * 7919) % 1900) AS filler FROM generate_series(1, 3000) n;
DELETE FROM uneven WHERE n % 7 = 0;
INSERT INTO uneven SELECT n, 'late' FROM generate_series(5001, 5050) n;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM generated;
CREATE FOREIGN DATA WRAPPER abroad;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER abroad;
CREATE FOREIGN TABLE far_away (x int) SERVER elsewhere;
SELECT lo_from_bytea(90001, 'a large object'), lo_from_bytea(90002, decode(repeat('00ff', 500000), 'hex')), lo_create(90003);
