"""Servers that go away in the middle, and come back."""

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

PATIENCE_SECONDS = 60


@pytest.fixture
def own() -> Iterator[ServerSettings]:
    """Servers of this test alone, which it may kill."""
    folder = Path(tempfile.mkdtemp(prefix="ouspark-test-"))
    settings = ServerSettings(home=folder / "home")
    yield settings
    services.stop_servers(settings.home)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def store_addresses(own: ServerSettings) -> StoreAddresses:
    """Return their addresses; publication 1 is made and prewarmed."""
    found = resolve_endpoints(own, need={"postgres", "redis"})
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
    """End a server without a chance to clean up; its supervisor starts it again."""
    (pid,) = {it.pid for it in read_services_status(settings).servers if it.setting == setting}
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


class Doomed:
    """A development connection at whose first COPY the server dies."""

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


def test_servers_that_die_half_way_leave_readers_what_they_had_and_the_next_run_completes(
    own: ServerSettings, store_addresses: StoreAddresses
) -> None:
    with store_addresses.connect() as stores:
        doomed: Any = Doomed(stores.development, own)
        with pytest.raises(WarehouseError, match=r"connection to the .* was lost"):
            publish(doomed, stores.production, PUBLISHED_TABLES, "run")
    wait_for(store_addresses)
    with store_addresses.connect() as stores:
        assert stores.production.execute("SELECT max(number) FROM ops.publications").fetchone() == (
            1,
        )
        assert stores.publish() == 2
        assert stores.client.get("ouspark:current") is not None
        with pytest.raises(CacheError, match="can't be reached"):
            build_until_the_cache_dies(store_addresses, own)
    wait_for(store_addresses)
    with store_addresses.connect() as stores:
        stores.prewarm()
        assert stores.is_consistent()


def build_until_the_cache_dies(store_addresses: StoreAddresses, own: ServerSettings) -> None:
    batch = pl.DataFrame({"name": [str(n) for n in range(2000)], "document": ["{}"] * 2000})

    def batches() -> Iterator[pl.DataFrame]:
        yield batch
        kill(own, "redis_url")
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
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with store_addresses.connect():
                return
        except OuSparkError:
            assert time.monotonic() < deadline, "the servers never came back"
            time.sleep(0.1)
