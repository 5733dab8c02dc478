ALTER TABLE orders ADD COLUMN weight positive;
