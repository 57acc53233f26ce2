"""What the tests of the warehouse share."""

import psycopg
import pytest

from ouspark_assets.services import Endpoints


@pytest.fixture(scope="session", autouse=True)
def _hasty_server(servers: Endpoints) -> None:
    """The session's databases need not survive a power cut: two are made for almost every test."""
    with psycopg.connect(servers.dev_dsn, autocommit=True) as connection:
        for name in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
