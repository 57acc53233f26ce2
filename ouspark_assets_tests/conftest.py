"""Fixtures for all tests: the embedded servers of the session, databases and a cache per test.

The servers run under a temporary home, shared by all workers; they stop by themselves soon after
the last test. README.md lists the helpers of all folders.
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
from ouspark_assets_tests.support import private_servers
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN, Databases, StoreAddresses, Stores

# Database 0 is the one that the servers' own settings use.
CACHE_DATABASES = 15

for name in [name for name in os.environ if name.startswith("OUSPARK_")]:
    del os.environ[name]
# Many tests need an unreachable database. Processes that they start inherit this.
os.environ["OUSPARK_DATABASE_WAIT"] = "0"
# The databases of tests have addresses, and their students come from the stand-in.
os.environ["OUSPARK_ALLOW_STANDIN"] = "true"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Endpoints:
    """The addresses of PostgreSQL and Valkey of this test session."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    found = resolve_endpoints(ServerSettings(home=shared / "servers"), need={"postgres", "redis"})
    _disable_durability(found)
    return found


@pytest.fixture(scope="session")
def private_postgres() -> Iterator[Endpoints]:
    """A PostgreSQL server of this process, for tests that crash it or use up its connections."""
    with private_servers.private_postgres() as endpoints:
        yield endpoints


@pytest.fixture(scope="session")
def templates(servers: Endpoints) -> Iterator[dict[Side, str]]:
    """The name of a migrated database per side; tests get copies of it."""
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
        # Every copy needs an identity of its own, like a database that was migrated by itself.
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
    """The DSNs of both databases."""
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
    """A folder for OUSPARK_HOME; it does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def only_development(development_dsn: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the settings to a development database; all other servers are unreachable."""
    monkeypatch.setenv("OUSPARK_HOME", str(home))
    monkeypatch.setenv("OUSPARK_DEV_DSN", development_dsn)
    monkeypatch.setenv("OUSPARK_PROD_DSN", UNREACHABLE_DSN)
    monkeypatch.setenv("OUSPARK_REDIS_URL", "redis://127.0.0.1:1")


@pytest.fixture
def cache_url(servers: Endpoints, worker_id: str) -> Iterator[str]:
    """The address of an empty cache that no other worker uses."""
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
    """Two databases, a cache and a lake; the settings point to them."""
    monkeypatch.setenv("OUSPARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OUSPARK_DEV_DSN", databases.development)
    monkeypatch.setenv("OUSPARK_PROD_DSN", databases.production)
    monkeypatch.setenv("OUSPARK_REDIS_URL", cache_url)
    monkeypatch.setenv("OUSPARK_LAKE", str(tmp_path / "lake"))
    return StoreAddresses(databases, cache_url)


@pytest.fixture
def stores(store_addresses: StoreAddresses) -> Iterator[Stores]:
    """Open connections to both databases and the cache."""
    with store_addresses.connect() as stores:
        yield stores


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An ephemeral Dagster instance."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _disable_durability(servers: Endpoints) -> None:
    # Almost every test creates a database, and none needs to survive a power cut.
    with psycopg.connect(servers.dev_dsn, autocommit=True) as connection:
        for name in ("fsync", "full_page_writes", "autovacuum"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def copy_of(servers: Endpoints, template: str) -> Iterator[str]:
    """Create a copy of this database and yield its DSN; drop it at the end."""
    name = f"copy_{uuid.uuid4().hex[:12]}"
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _administer(servers, copy.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield _dsn(servers, name)
    finally:
        _drop(servers, name)


@contextmanager
def connected_copy(servers: Endpoints, template: str, side: Side) -> Iterator[Connection]:
    """Yield a connection to a copy of this database."""
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
