ALTER TABLE orders ADD CONSTRAINT code_once UNIQUE (code);
