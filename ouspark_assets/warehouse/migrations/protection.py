"""Row level security of production: only owners and members of `ouspark_reader` see rows.

Applied after every migration of production, so that no new table is forgotten. A managed server
may publish whole schemas through an API; its roles have no policy, so the API returns no rows.
"""

READER = "ouspark_reader"
# The role may not exist yet: an administrator creates roles, the publisher creates tables.
_MAY_READ = f"""
  EXISTS (SELECT FROM pg_roles AS reader
           WHERE reader.rolname = ''{READER}'' AND pg_has_role(reader.oid, ''member''))
"""
PROTECT = f"""
DO $protect$
DECLARE
  target regclass;
  readable boolean;
BEGIN
  FOR target, readable IN
    SELECT c.oid, n.nspname <> 'ops' OR c.relname = 'publications'
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname IN ('clean', 'analytics', 'ops') AND c.relkind = 'r'
       AND NOT c.relrowsecurity
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    IF readable THEN
      EXECUTE format('CREATE POLICY readers ON %s FOR SELECT USING ({_MAY_READ})', target);
      IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') THEN
        EXECUTE format('GRANT SELECT ON %s TO {READER}', target);
      END IF;
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') THEN
    GRANT USAGE ON SCHEMA clean, analytics, ops TO {READER};
  END IF;
END $protect$
"""
