-- Creates the two roles of the production database. An administrator runs it on that database before
-- the first publication (on Supabase: in the SQL editor, as "postgres"). It can be run again at any
-- time, also after a publication by another role.
--
--   ouspark_publisher  owns the schemas clean, analytics and ops, and nothing else. It migrates
--                      and publishes; it cannot create roles, databases or extensions.
--   ouspark_reader     reads published tables (clean, analytics, ops.publications) only.
--                      Applications log in as a role that is a member of it.
--
-- Neither has a password yet, so set one before they log in over the network:
--   ALTER ROLE ouspark_publisher PASSWORD '...';
--   CREATE ROLE my_application LOGIN PASSWORD '...' IN ROLE ouspark_reader;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ouspark_publisher') THEN
    CREATE ROLE ouspark_publisher LOGIN NOINHERIT
      NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 10;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ouspark_reader') THEN
    CREATE ROLE ouspark_reader NOLOGIN
      NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
END $$;

-- A publication stages rows in temporary tables. The right is granted to the role itself, so that it
-- can be revoked from PUBLIC.
DO $$
BEGIN
  EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO ouspark_publisher', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO ouspark_reader', current_database());
END $$;

-- Without superuser rights, an administrator can transfer ownership only to a role they are a member of.
GRANT ouspark_publisher TO CURRENT_USER;

CREATE SCHEMA IF NOT EXISTS clean;
CREATE SCHEMA IF NOT EXISTS analytics;
CREATE SCHEMA IF NOT EXISTS ops;
ALTER SCHEMA clean OWNER TO ouspark_publisher;
ALTER SCHEMA analytics OWNER TO ouspark_publisher;
ALTER SCHEMA ops OWNER TO ouspark_publisher;
REVOKE ALL ON SCHEMA clean, analytics, ops FROM PUBLIC;
GRANT USAGE ON SCHEMA clean, analytics, ops TO ouspark_reader;

-- Take over tables that another role published earlier.
DO $$
DECLARE
  target regclass;
BEGIN
  FOR target IN
    SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname IN ('clean', 'analytics', 'ops') AND c.relkind = 'r'
       AND c.relowner <> 'ouspark_publisher'::regrole
  LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO ouspark_publisher', target);
  END LOOP;
  IF to_regclass('ops.publications') IS NOT NULL THEN
    GRANT SELECT ON ops.publications TO ouspark_reader;
  END IF;
END $$;

GRANT SELECT ON ALL TABLES IN SCHEMA clean, analytics TO ouspark_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE ouspark_publisher IN SCHEMA clean, analytics
  GRANT SELECT ON TABLES TO ouspark_reader;

-- Row-level security protects the tables as well: the migrations enable it on every table, with one
-- policy for members of ouspark_reader. The automatic API of a managed server therefore shows nothing,
-- even if these schemas are exposed to it by mistake.
