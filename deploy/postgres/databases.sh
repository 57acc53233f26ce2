#!/bin/sh
# Creates three databases, each with its own role, which cannot connect to the others. The PostgreSQL
# image runs this once, when its volume is empty. `ouspark publication roles` prints a script for roles
# with fewer rights in production.
set -eu

create() {
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        --set role="$1" --set database="$2" --set password="$3" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
-- The server keeps `reserved_connections` for roles with this right, however many readers are idle.
GRANT pg_use_reserved_connections TO :"role";
CREATE DATABASE :"database" OWNER :"role";
REVOKE CONNECT, TEMPORARY ON DATABASE :"database" FROM PUBLIC;
SQL
}

create ouspark ouspark_dev "$DEV_PASSWORD"
create publisher ouspark_prod "$PROD_PASSWORD"
create dagster dagster "$DAGSTER_PASSWORD"
