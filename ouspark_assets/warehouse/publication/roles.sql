-- The two roles of the production database, for its administrator (on Supabase: the SQL editor,
-- as "postgres"). Run it on the production database before the first publication; running it
-- again, or after a publication by another role, is fine.
--
--   ouspark_publisher  owns the schemas clean, analytics and ops, and nothing else: it migrates
--                      and publishes. It can make no roles, no databases, no extensions.
--   ouspark_reader     reads what is published (clean, analytics, ops.publications), nothing
--                      else. Applications log in as a role that is a member of it.
--
-- Neither has a password yet, so neither can log in from elsewhere:
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

-- Temporary tables, in which a publication stages what it sends; granted to the role itself, so
-- that it may be taken from everybody else.
DO $$
BEGIN
  EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO ouspark_publisher', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO ouspark_reader', current_database());
END $$;

-- An administrator who is no superuser may hand over to a role only as a member of it.
GRANT ouspark_publisher TO CURRENT_USER;

CREATE SCHEMA IF NOT EXISTS clean;
CREATE SCHEMA IF NOT EXISTS analytics;
CREATE SCHEMA IF NOT EXISTS ops;
ALTER SCHEMA clean OWNER TO ouspark_publisher;
ALTER SCHEMA analytics OWNER TO ouspark_publisher;
ALTER SCHEMA ops OWNER TO ouspark_publisher;
REVOKE ALL ON SCHEMA clean, analytics, ops FROM PUBLIC;
GRANT USAGE ON SCHEMA clean, analytics, ops TO ouspark_reader;

-- Tables of an earlier publication by another role.
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

-- Rows are guarded a second time by row-level security: the publisher's migrations enable it on
-- every table, with one policy, for members of ouspark_reader. An API that a managed server
-- offers by itself therefore shows nothing, even if these schemas are exposed to it by mistake.
