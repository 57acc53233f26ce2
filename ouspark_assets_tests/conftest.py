"""What every test may use: embedded servers of the session, databases and a cache of its own.

The servers run under a temporary home, shared by all workers; they stop by themselves soon after
the last test.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from psycopg import sql

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.services import Endpoints, resolve_endpoints
from ouspark_assets.settings import ServerSettings
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.migrate import migrate
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN, Databases, StoreAddresses, Stores

# Database 0 is the one of the servers' own settings.
CACHE_DATABASES = 15

for name in [name for name in os.environ if name.startswith("OUSPARK_")]:
    del os.environ[name]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Endpoints:
    """PostgreSQL and Valkey of this test session."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    found = resolve_endpoints(ServerSettings(home=shared / "servers"), need={"postgres", "redis"})
    _in_a_hurry(found)
    return found


@pytest.fixture(scope="session")
def templates(servers: Endpoints) -> Iterator[dict[Side, str]]:
    """A migrated database of each side, to make copies of."""
    names = {side: f"template_{side}_{uuid.uuid4().hex[:8]}" for side in Side}
    for side, name in names.items():
        _administer(servers, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        migrate(_dsn(servers, name), side)
    yield names
    for name in names.values():
        _drop(servers, name)


@pytest.fixture
def development_dsn(servers: Endpoints, templates: dict[Side, str]) -> Iterator[str]:
    """An empty, migrated development database."""
    with copy_of(servers, templates[Side.DEVELOPMENT]) as dsn:
        # A copy of the template must not pass for the same database as another copy.
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("UPDATE ops.identity SET id = gen_random_uuid()")
        yield dsn


@pytest.fixture
def production_dsn(servers: Endpoints, templates: dict[Side, str]) -> Iterator[str]:
    """An empty, migrated production database."""
    with copy_of(servers, templates[Side.PRODUCTION]) as dsn:
        yield dsn


@pytest.fixture
def databases(development_dsn: str, production_dsn: str) -> Databases:
    """Both of them."""
    return Databases(development_dsn, production_dsn)


@pytest.fixture
def development(development_dsn: str) -> Iterator[Connection]:
    """A connection to the test's development database."""
    with connected(development_dsn, Side.DEVELOPMENT, "test") as connection:
        yield connection


@pytest.fixture
def production(production_dsn: str) -> Iterator[Connection]:
    """A connection to the test's production database."""
    with connected(production_dsn, Side.PRODUCTION, "test") as connection:
        yield connection


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder for the state of one test."""
    return tmp_path / "home"


@pytest.fixture
def only_development(development_dsn: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that lead to a development database, and to no other server."""
    monkeypatch.setenv("OUSPARK_HOME", str(home))
    monkeypatch.setenv("OUSPARK_DEV_DSN", development_dsn)
    monkeypatch.setenv("OUSPARK_PROD_DSN", UNREACHABLE_DSN)
    monkeypatch.setenv("OUSPARK_REDIS_URL", "redis://127.0.0.1:1")


@pytest.fixture
def cache_url(servers: Endpoints, worker_id: str) -> Iterator[str]:
    """The address of the worker's own cache, empty."""
    worker = int(worker_id.removeprefix("gw")) if worker_id != "master" else 0
    url = f"{servers.redis_url.removesuffix('/0')}/{1 + worker % CACHE_DATABASES}"
    with connect_cache(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture
def store_addresses(
    databases: Databases, cache_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> StoreAddresses:
    """Two databases, a cache and a lake that the settings lead to."""
    monkeypatch.setenv("OUSPARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OUSPARK_DEV_DSN", databases.development)
    monkeypatch.setenv("OUSPARK_PROD_DSN", databases.production)
    monkeypatch.setenv("OUSPARK_REDIS_URL", cache_url)
    monkeypatch.setenv("OUSPARK_LAKE", str(tmp_path / "lake"))
    return StoreAddresses(databases, cache_url)


@pytest.fixture
def stores(store_addresses: StoreAddresses) -> Iterator[Stores]:
    """Connections to it."""
    with store_addresses.connect() as stores:
        yield stores


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance of Dagster that forgets."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _in_a_hurry(servers: Endpoints) -> None:
    """The session's databases need not survive a power cut: one is made for almost every test."""
    with psycopg.connect(servers.dev_dsn, autocommit=True) as connection:
        for name in ("fsync", "full_page_writes", "autovacuum"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def copy_of(servers: Endpoints, template: str) -> Iterator[str]:
    """A database like this one, as long as it is needed."""
    name = f"copy_{uuid.uuid4().hex[:12]}"
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _administer(servers, copy.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield _dsn(servers, name)
    finally:
        _drop(servers, name)


@contextmanager
def connected_copy(servers: Endpoints, template: str, side: Side) -> Iterator[Connection]:
    """A connection to a database like this one."""
    with copy_of(servers, template) as dsn, connected(dsn, side, "test") as connection:
        yield connection


def _dsn(servers: Endpoints, name: str) -> str:
    return servers.dev_dsn.replace("/ouspark_dev", f"/{name}")


def _administer(servers: Endpoints, statement: sql.Composed) -> None:
    with psycopg.connect(servers.dev_dsn, autocommit=True) as connection:
        connection.execute(statement)


def _drop(servers: Endpoints, name: str) -> None:
    _administer(
        servers, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    )
