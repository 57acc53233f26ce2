"""Alembic's entry point: applies the missing revisions of a database in one transaction.

The connection comes from `warehouse/core/migrate.py`. An advisory lock excludes other processes.
"""

from alembic import context

from ouspark_assets.warehouse.core.locks import NAMESPACE, Lock
from ouspark_assets.warehouse.migrations.protection import PROTECT

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="migrations", version_table_schema="ops")
with context.begin_transaction():
    connection.exec_driver_sql(
        "SELECT pg_advisory_xact_lock(%s, %s)", (NAMESPACE, Lock.MIGRATE.value)
    )
    # CREATE SCHEMA IF NOT EXISTS needs the right to create schemas even if the schema exists.
    found = connection.exec_driver_sql("SELECT FROM pg_namespace WHERE nspname = 'ops'").first()
    if found is None:
        connection.exec_driver_sql("CREATE SCHEMA ops")
    context.run_migrations()
    # Only production is read by others.
    if connection.exec_driver_sql("SELECT to_regclass('ops.publications')").scalar():
        connection.exec_driver_sql(PROTECT.replace("%", "%%"))
