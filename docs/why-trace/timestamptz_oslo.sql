SET timezone = 'Europe/Oslo';
ALTER TABLE orders ALTER COLUMN placed TYPE timestamptz;
