-- Takes away what schema.sql made.
DROP SCHEMA billing, "Back Office", names CASCADE;
DROP EXTENSION btree_gist, citext CASCADE;
DO $do$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT format('DROP %s IF EXISTS %I CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, relname)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND relname <> 'alembic_version'
        UNION ALL
        SELECT 'DROP SEQUENCE ticket_numbers CASCADE'
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS %I CASCADE', typname) FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd', 'r') OR typname IN ('address')
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc WHERE proname IN ('shout', 'touch')
    LOOP
        EXECUTE command;
    END LOOP;
END $do$;
