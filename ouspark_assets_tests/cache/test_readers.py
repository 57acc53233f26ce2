"""What readers see while publications come and go, and while publishers are killed."""

import os
import random
import signal
import time
from contextlib import suppress

import pytest
import redis

from ouspark_assets.cache.layout import CURRENT_KEY
from ouspark_assets_tests.support.publishing import hammered, publishers
from ouspark_assets_tests.support.worlds import World

PUBLICATIONS = 6
LEAST_READS = 100


@pytest.fixture
def world(world: World) -> World:
    """A world at publication 1, prewarmed."""
    with world.open() as opened:
        opened.load(1)
        assert opened.publish() == 1
        opened.prewarm()
    return world


def test_readers_see_only_whole_publications_never_a_miss_and_never_one_going_back(
    world: World,
) -> None:
    with world.open() as opened, hammered(world) as readings:
        for number in range(2, PUBLICATIONS + 1):
            opened.load(number)
            assert opened.publish() == number
            opened.prewarm()
        time.sleep(0.2)
    assert readings.problems == []
    assert readings.numbers == sorted(readings.numbers)
    assert readings.numbers[-1] == PUBLICATIONS
    assert min(readings.production, readings.cache) > LEAST_READS


def test_a_publisher_that_is_killed_at_any_moment_is_never_noticed(world: World) -> None:
    kill_publishers(world, times=5)


@pytest.mark.full
def test_fifty_publishers_that_are_killed_are_never_noticed(world: World) -> None:
    kill_publishers(world, times=50)


def kill_publishers(world: World, times: int) -> None:
    """Kill publishers at moments spread over the time that one takes; every next run completes."""
    with world.open() as opened, hammered(world) as readings, publishers(world) as started:
        opened.load(2)
        begun = time.monotonic()
        opened.publish()
        opened.prewarm()
        seconds = time.monotonic() - begun
        for number in range(3, times + 3):
            opened.load(number)
            pid = started.begin()
            # A different stretch each time, so that no part of the work is left out.
            time.sleep(seconds * (number - 3 + random.random()) / times)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            assert opened.publish() in (number, None)
            opened.prewarm()
            assert opened.is_clean()
    assert readings.problems == []
    assert readings.numbers[-1] == times + 2
    assert min(readings.production, readings.cache) > LEAST_READS


def test_a_cache_that_was_lost_is_built_again_even_with_nothing_new(
    world: World, client: redis.Redis
) -> None:
    client.flushdb()
    with world.open() as opened:
        assert opened.publish() is None
        opened.prewarm()
        assert opened.is_clean()


def test_the_same_publication_again_writes_nothing(world: World, client: redis.Redis) -> None:
    before = client.get(CURRENT_KEY)
    commands = client.info("stats")["total_net_input_bytes"]
    with world.open() as opened:
        opened.prewarm()
    assert client.get(CURRENT_KEY) == before
    written = client.info("stats")["total_net_input_bytes"] - commands
    assert written < client.strlen(f"ouspark:{before.decode()}:class:1604-733-2099")


def test_two_builders_at_once_build_once(world: World, client: redis.Redis) -> None:
    with world.open() as opened:
        opened.load(2)
        opened.publish()
    with publishers(world) as started:
        pids = {started.begin(), started.begin()}
        assert {started.next("done"), started.next("done")} == pids
    with world.open() as opened:
        assert opened.is_clean()
    names = {key.decode().split(":")[1] for key in client.scan_iter(match="ouspark:*:meta")}
    assert len(names) == 2


def test_a_value_that_someone_changed_is_named_and_mended_by_a_rebuild(
    world: World, client: redis.Redis
) -> None:
    key = f"ouspark:{client.get(CURRENT_KEY).decode()}:student:160499733007"
    client.set(key, "{}")
    with world.open() as opened:
        assert not opened.is_clean()
        opened.prewarm(rebuild=True)
        assert opened.is_clean()
