"""What readers see during publications and builds, and while publishers are killed."""

import os
import random
import signal
import time
from contextlib import suppress
from threading import Thread

import pytest
import redis

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.keys import CURRENT_KEY
from ouspark_assets.cache.prewarm import prewarm_cache
from ouspark_assets.settings import CacheSettings
from ouspark_assets.warehouse.core.connection import Side, connected
from ouspark_assets.warehouse.core.locks import Lock, exclusive_lock
from ouspark_assets_tests.support.publication_processes import concurrent_readers, publishers
from ouspark_assets_tests.support.stores import StoreAddresses
from ouspark_assets_tests.support.waiting import wait_until_blocked

PUBLICATIONS = 6
MIN_READS = 100


@pytest.fixture
def store_addresses(store_addresses: StoreAddresses) -> StoreAddresses:
    """Return the addresses of stores at publication 1, prewarmed."""
    with store_addresses.connect() as stores:
        stores.load(1)
        assert stores.publish() == 1
        stores.prewarm()
    return store_addresses


def test_readers_see_only_complete_publications_without_misses_and_in_order(
    store_addresses: StoreAddresses,
) -> None:
    with store_addresses.connect() as stores, concurrent_readers(store_addresses) as readings:
        for number in range(2, PUBLICATIONS + 1):
            stores.load(number)
            assert stores.publish() == number
            stores.prewarm()
        time.sleep(0.2)
    assert readings.problems == []
    assert readings.numbers == sorted(readings.numbers)
    assert readings.numbers[-1] == PUBLICATIONS
    assert min(readings.production, readings.cache) > MIN_READS


def test_readers_do_not_notice_a_publisher_that_is_killed_at_any_moment(
    store_addresses: StoreAddresses,
) -> None:
    kill_publishers(store_addresses, times=5)


@pytest.mark.full
def test_readers_do_not_notice_fifty_killed_publishers(
    store_addresses: StoreAddresses,
) -> None:
    kill_publishers(store_addresses, times=50)


def kill_publishers(store_addresses: StoreAddresses, times: int) -> None:
    """Kill publishers at moments spread over their duration and check the next run."""
    with (
        store_addresses.connect() as stores,
        concurrent_readers(store_addresses) as readings,
        publishers(store_addresses) as started,
    ):
        stores.load(2)
        begun = time.monotonic()
        stores.publish()
        stores.prewarm()
        seconds = time.monotonic() - begun
        for number in range(3, times + 3):
            stores.load(number)
            pid = started.begin()
            # Each kill comes at a later moment, so that every part of the work is interrupted.
            time.sleep(seconds * (number - 3 + random.random()) / times)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            assert stores.publish() in (number, None)
            stores.prewarm()
            assert stores.is_consistent()
    assert readings.problems == []
    assert readings.numbers[-1] == times + 2
    assert min(readings.production, readings.cache) > MIN_READS


def test_a_lost_cache_is_rebuilt_even_if_there_is_no_new_publication(
    store_addresses: StoreAddresses, client: redis.Redis
) -> None:
    client.flushdb()
    with store_addresses.connect() as stores:
        assert stores.publish() is None
        stores.prewarm()
        assert stores.is_consistent()


def test_prewarming_the_same_publication_again_writes_nothing(
    store_addresses: StoreAddresses, client: redis.Redis
) -> None:
    before = client.get(CURRENT_KEY)
    commands = client.info("stats")["total_net_input_bytes"]
    with store_addresses.connect() as stores:
        stores.prewarm()
    assert client.get(CURRENT_KEY) == before
    written = client.info("stats")["total_net_input_bytes"] - commands
    assert written < client.strlen(f"ouspark:{before.decode()}:class:1604-733-2099")


def test_two_concurrent_builders_build_one_generation(
    store_addresses: StoreAddresses, client: redis.Redis
) -> None:
    with store_addresses.connect() as stores:
        stores.load(2)
        stores.publish()
    with publishers(store_addresses) as started:
        pids = {started.begin(), started.begin()}
        assert {started.next("done"), started.next("done")} == pids
    with store_addresses.connect() as stores:
        assert stores.is_consistent()
    names = {key.decode().split(":")[1] for key in client.scan_iter(match="ouspark:*:meta")}
    assert len(names) == 2


def test_a_build_waits_until_the_one_in_progress_has_ended(
    store_addresses: StoreAddresses, client: redis.Redis
) -> None:
    production = store_addresses.databases.production

    def prewarm_again() -> None:
        prewarm_cache(
            lambda purpose: connected(production, Side.PRODUCTION, f"second {purpose}"),
            lambda: connect_cache(store_addresses.cache_url),
            CacheSettings(),
            wait_seconds=60,
            rebuild=True,
        )

    before = client.get(CURRENT_KEY)
    second = Thread(target=prewarm_again)
    with (
        connected(production, Side.PRODUCTION, "first") as first,
        connected(production, Side.PRODUCTION, "observer") as observer,
    ):
        with exclusive_lock(first, Lock.CACHE, 0, "Prewarming the cache"):
            second.start()
            wait_until_blocked(observer, "second prewarm lock", second)
            assert client.get(CURRENT_KEY) == before
        second.join()
    assert client.get(CURRENT_KEY) == before + b"-1"


def test_a_changed_value_is_named_by_the_verification_and_repaired_by_a_rebuild(
    store_addresses: StoreAddresses, client: redis.Redis
) -> None:
    key = f"ouspark:{client.get(CURRENT_KEY).decode()}:student:160499733007"
    client.set(key, "{}")
    with store_addresses.connect() as stores:
        assert not stores.is_consistent()
        stores.prewarm(rebuild=True)
        assert stores.is_consistent()
