"""Servers that are killed during a publication or a build, and start again."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.documents import Documents
from ouspark_assets.cache.generation import build_generation
from ouspark_assets.cache.keys import Generation
from ouspark_assets.domain.errors import CacheError, OuSparkError, WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.services import client as services
from ouspark_assets.services import resolve_endpoints
from ouspark_assets.services.server_status import read_services_status
from ouspark_assets.settings import CacheSettings, ServerSettings
from ouspark_assets.warehouse.core.connection import Connection, Side
from ouspark_assets.warehouse.core.migrate import migrate
from ouspark_assets.warehouse.publication.publish_transaction import publish
from ouspark_assets_tests.support.stores import Databases, StoreAddresses

RESTART_TIMEOUT = 60


@pytest.fixture
def own_servers() -> Iterator[ServerSettings]:
    """Yield settings of servers that only this test uses, so that it may kill them."""
    folder = Path(tempfile.mkdtemp(prefix="ouspark-test-"))
    settings = ServerSettings(home=folder / "home")
    yield settings
    services.stop_servers(settings.home)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def store_addresses(own_servers: ServerSettings) -> StoreAddresses:
    """Return the addresses of the own servers, at publication 1, prewarmed."""
    found = resolve_endpoints(own_servers, need={"postgres", "redis"})
    migrate(found.dev_dsn, Side.DEVELOPMENT)
    migrate(found.prod_dsn, Side.PRODUCTION)
    store_addresses = StoreAddresses(Databases(found.dev_dsn, found.prod_dsn), found.redis_url)
    with store_addresses.connect() as stores:
        stores.load(1)
        stores.publish()
        stores.prewarm()
        stores.load(2)
    return store_addresses


def kill(settings: ServerSettings, setting: str) -> None:
    """Kill a server so that it cannot clean up; its supervisor restarts it."""
    (pid,) = {
        server.pid for server in read_services_status(settings).servers if server.setting == setting
    }
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


class DyingConnection:
    """A development connection whose first COPY kills the production server."""

    def __init__(self, development: Connection, settings: ServerSettings) -> None:
        self.development, self.settings = development, settings

    def cursor(self, **options: Any) -> Any:
        # Only COPY uses a cursor without options.
        if options:
            return self.development.cursor(**options)
        kill(self.settings, "prod_dsn")
        time.sleep(0.5)
        return self.development.cursor()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.development, name)


def test_after_a_server_was_killed_readers_have_the_old_state_and_the_next_run_completes(
    own_servers: ServerSettings, store_addresses: StoreAddresses
) -> None:
    with store_addresses.connect() as stores:
        connection: Any = DyingConnection(stores.development, own_servers)
        with pytest.raises(WarehouseError, match=r"connection to the .* was lost"):
            publish(connection, stores.production, PUBLISHED_TABLES, "run")
    wait_for(store_addresses)
    with store_addresses.connect() as stores:
        assert stores.production.execute("SELECT max(number) FROM ops.publications").fetchone() == (
            1,
        )
        assert stores.publish() == 2
        assert stores.client.get("ouspark:current") is not None
        with pytest.raises(CacheError, match="can't be reached"):
            build_until_the_cache_is_killed(store_addresses, own_servers)
    wait_for(store_addresses)
    with store_addresses.connect() as stores:
        stores.prewarm()
        assert stores.is_consistent()


def build_until_the_cache_is_killed(
    store_addresses: StoreAddresses, own_servers: ServerSettings
) -> None:
    batch = pl.DataFrame({"name": [str(n) for n in range(2000)], "document": ["{}"] * 2000})

    def batches() -> Iterator[pl.DataFrame]:
        yield batch
        kill(own_servers, "redis_url")
        yield from (batch.with_columns(pl.col("name") + f"-{n}") for n in range(50))

    with connect_cache(store_addresses.cache_url) as client:
        build_generation(
            client,
            Generation(2, "f" * 64),
            [Documents("student", 102_000, batches)],
            {},
            CacheSettings(),
        )


def wait_for(store_addresses: StoreAddresses) -> None:
    """Wait until every server is back."""
    deadline = time.monotonic() + RESTART_TIMEOUT
    while True:
        try:
            with store_addresses.connect():
                return
        except OuSparkError:
            assert time.monotonic() < deadline, "the servers never came back"
            time.sleep(0.1)
