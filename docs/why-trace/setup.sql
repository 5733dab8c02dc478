CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN quantity AS int;
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer_id bigint,
    amount int CONSTRAINT amount_known CHECK (amount IS NOT NULL),
    pieces quantity,
    placed timestamp,
    code varchar(20)
);
CREATE INDEX orders_code ON orders (code);
INSERT INTO customers SELECT n FROM generate_series(1, 1000) n;
INSERT INTO orders SELECT n, n, n, n, now(), 'order ' || n FROM generate_series(1, 1000) n;
CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE events_2027 (at date NOT NULL, what text);
INSERT INTO events_2027 SELECT date '2027-01-01' + n, 'visit' FROM generate_series(0, 300) n;
CREATE TABLE events_2028 (at date NOT NULL, what text, CONSTRAINT year CHECK (at >= '2028-01-01' AND at < '2029-01-01'));
INSERT INTO events_2028 SELECT date '2028-01-01' + n, 'visit' FROM generate_series(0, 300) n;
