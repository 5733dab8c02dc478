-- A database with a bit of everything that a dump has to carry.
CREATE SCHEMA "Größe ""x""";
CREATE TYPE state AS ENUM ('planned', 'done');
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE clients (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email email,
    shouted text GENERATED ALWAYS AS (upper(name)) STORED
);
COMMENT ON TABLE clients IS 'people, it''s said';
INSERT INTO clients (name, email) SELECT 'client ' || n, n || '@example.org' FROM generate_series(1, 500) n;
CREATE TABLE pets (
    id serial PRIMARY KEY,
    client_id bigint REFERENCES clients ON DELETE CASCADE,
    state state DEFAULT 'planned',
    photo bytea,
    seen timestamptz DEFAULT '2025-06-01 12:00+02'
);
CREATE INDEX pets_client ON pets (client_id) WHERE state = 'planned';
INSERT INTO pets (client_id, photo) SELECT n, decode(md5(n::text), 'hex') FROM generate_series(1, 400) n;
CREATE TABLE visits (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE visits_rest PARTITION OF visits DEFAULT;
INSERT INTO visits SELECT date '2025-06-01' + n * 30, 'note ' || n FROM generate_series(1, 20) n;
CREATE TABLE "Größe ""x"""."a b" ("c'd" int, "犬" text);
INSERT INTO "Größe ""x"""."a b" VALUES (1, E'tab\t, newline\n, back\\slash, 犬');
CREATE UNLOGGED TABLE scratch (x int);
CREATE VIEW planned AS SELECT * FROM pets WHERE state = 'planned';
CREATE MATERIALIZED VIEW counted AS SELECT client_id, count(*) FROM pets GROUP BY 1;
CREATE SEQUENCE numbers START 1000;
SELECT setval('numbers', 4711);
ALTER TABLE pets ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON pets USING (true);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen := now(); RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON pets FOR EACH ROW EXECUTE FUNCTION touch();
SELECT lo_from_bytea(90001, 'a large object'), lo_from_bytea(90002, decode(repeat('00ff', 5000), 'hex'));
ANALYZE;
