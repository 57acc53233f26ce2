"""A database for Dagster's own records, for one test."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from ouspark_assets.services import Endpoints


@contextmanager
def dagster_database(servers: Endpoints) -> Iterator[str]:
    """An empty database on the servers of the session; its address."""
    name = f"dagster_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(servers.dev_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield servers.dev_dsn.replace("/ouspark_dev", f"/{name}")
    finally:
        with psycopg.connect(servers.dev_dsn, autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
