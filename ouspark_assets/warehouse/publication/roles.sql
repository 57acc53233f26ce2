-- Creates the two roles of the production database, and restores every right that they need. An
-- administrator runs it on that database before the first publication (on Supabase: in the SQL editor,
-- as "postgres"), and again whenever an error of OuSpark asks for it. It can be run at any time.
--
--   ouspark_publisher  owns the schemas clean, analytics and ops, and nothing else. It migrates
--                      and publishes; it cannot create roles, databases or extensions.
--   ouspark_reader     reads published tables (clean, analytics, ops.publications) only.
--                      Applications log in as a role that is a member of it.
--
-- Neither has a password yet, so set one before they log in over the network:
--   ALTER ROLE ouspark_publisher PASSWORD '...';
--   CREATE ROLE my_application LOGIN PASSWORD '...' CONNECTION LIMIT 20 IN ROLE ouspark_reader;
--
-- A role that published before becomes a member of ouspark_publisher, so that it can go on publishing.
-- To end that: REVOKE ouspark_publisher FROM that_role;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ouspark_publisher') THEN
    CREATE ROLE ouspark_publisher LOGIN NOINHERIT
      NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 10;
  ELSIF NOT (SELECT rolcanlogin FROM pg_roles WHERE rolname = 'ouspark_publisher') THEN
    ALTER ROLE ouspark_publisher LOGIN;
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

-- Take over the schemas and tables of roles that published earlier, and let these roles go on.
DO $$
DECLARE
  target regclass;
  publisher name;
BEGIN
  FOR publisher IN
    SELECT DISTINCT r.rolname
      FROM pg_namespace AS n
      LEFT JOIN pg_class AS c ON c.relnamespace = n.oid
      JOIN pg_roles AS r ON r.oid IN (n.nspowner, c.relowner)
     WHERE n.nspname IN ('clean', 'analytics', 'ops')
       AND NOT pg_has_role(r.oid, 'ouspark_publisher', 'USAGE')
  LOOP
    EXECUTE format('GRANT ouspark_publisher TO %I', publisher);
  END LOOP;
  ALTER SCHEMA clean OWNER TO ouspark_publisher;
  ALTER SCHEMA analytics OWNER TO ouspark_publisher;
  ALTER SCHEMA ops OWNER TO ouspark_publisher;
  FOR target IN
    SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname IN ('clean', 'analytics', 'ops') AND c.relkind IN ('r', 'v')
       AND c.relowner <> 'ouspark_publisher'::regrole
  LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO ouspark_publisher', target);
  END LOOP;
END $$;

-- Even an owner can lose the rights to what it owns.
GRANT ALL ON SCHEMA clean, analytics, ops TO ouspark_publisher;
GRANT ALL ON ALL TABLES IN SCHEMA clean, analytics, ops TO ouspark_publisher;

REVOKE ALL ON SCHEMA clean, analytics, ops FROM PUBLIC;
GRANT USAGE ON SCHEMA clean, analytics, ops TO ouspark_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA clean, analytics TO ouspark_reader;
DO $$
BEGIN
  IF to_regclass('ops.publications') IS NOT NULL THEN
    GRANT SELECT ON ops.publications TO ouspark_reader;
  END IF;
END $$;
ALTER DEFAULT PRIVILEGES FOR ROLE ouspark_publisher IN SCHEMA clean, analytics
  GRANT SELECT ON TABLES TO ouspark_reader;

-- Idle readers must not take the connections that a publication needs. From PostgreSQL 16 on, the server
-- keeps `reserved_connections` (set it to 20) for roles with this right.
DO $$
BEGIN
  IF current_setting('server_version_num')::int < 160000 THEN
    RETURN;
  END IF;
  IF NOT pg_has_role('ouspark_publisher', 'pg_use_reserved_connections', 'USAGE') THEN
    -- The role does not inherit by itself.
    EXECUTE 'GRANT pg_use_reserved_connections TO ouspark_publisher WITH INHERIT TRUE';
  END IF;
  IF current_setting('reserved_connections')::int = 0 THEN
    RAISE WARNING 'This server reserves no connections for publications: set reserved_connections = 20 in its configuration, and restart it.';
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'Only a superuser can let ouspark_publisher use reserved connections. Keep the connection limits of the reading roles low instead.';
END $$;

-- Limit the applications. A limit that was chosen for a role is kept.
DO $$
DECLARE
  application name;
  readers int;
BEGIN
  FOR application IN
    SELECT rolname FROM pg_roles
     WHERE rolcanlogin AND rolconnlimit = -1 AND NOT rolsuper
       AND pg_has_role(oid, 'ouspark_reader', 'MEMBER')
       AND NOT pg_has_role(oid, 'ouspark_publisher', 'MEMBER')
  LOOP
    EXECUTE format('ALTER ROLE %I CONNECTION LIMIT 20', application);
  END LOOP;
  SELECT sum(rolconnlimit) INTO readers FROM pg_roles
   WHERE rolcanlogin AND NOT rolsuper AND pg_has_role(oid, 'ouspark_reader', 'MEMBER')
     AND NOT pg_has_role(oid, 'ouspark_publisher', 'MEMBER');
  IF readers > current_setting('max_connections')::int - 30 THEN
    RAISE WARNING 'The reading roles may open % of the % connections of this server together. Lower their limits: ALTER ROLE ... CONNECTION LIMIT ...',
      readers, current_setting('max_connections');
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'You may not change %. Let an administrator of that role run: ALTER ROLE % CONNECTION LIMIT 20;', application, application;
END $$;

-- Row-level security protects the tables as well: the migrations enable it on every table, with one
-- policy for members of ouspark_reader. The automatic API of a managed server therefore shows nothing,
-- even if these schemas are exposed to it by mistake.
