from collections.abc import Iterator

import orjson
import polars as pl
import pytest
import redis

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.generation import build, is_alive
from ouspark_assets.cache.layout import CURRENT_KEY, Generation
from ouspark_assets.errors import CacheError
from ouspark_assets.services import Endpoints

FIRST, SECOND = Generation(1, "a" * 64), Generation(2, "b" * 64)
META = {"publication": 1}


@pytest.fixture
def client(servers: Endpoints, worker_id: str) -> Iterator[redis.Redis]:
    """A database of the embedded server that no other worker uses."""
    number = 1 + int(worker_id.removeprefix("gw") or 0) if worker_id != "master" else 15
    with connect_cache(servers.redis_url.removesuffix("/0") + f"/{number}") as client:
        client.flushdb()
        yield client
        client.flushdb()


def documents(n: int) -> list[tuple[str, pl.DataFrame]]:
    names = [f"{number:03d}" for number in range(n)]
    return [("student", pl.DataFrame({"name": names, "document": ["{}"] * n}))]


def test_a_generation_is_switched_to_when_it_is_complete(client: redis.Redis) -> None:
    built = build(client, FIRST, documents(2500), META)
    assert built.keys == 2500
    assert client.get(CURRENT_KEY) == FIRST.name.encode()
    assert client.get(FIRST.key("student", "2499")) == b"{}"
    assert is_alive(client, FIRST)


def test_the_living_generation_has_no_time_to_live(client: redis.Redis) -> None:
    build(client, FIRST, documents(3), META)
    keys = list(client.scan_iter(match="ouspark:*"))
    assert len(keys) == 5
    assert {client.ttl(key) for key in keys} == {-1}


def test_the_old_generation_stays_for_a_while(client: redis.Redis) -> None:
    build(client, FIRST, documents(3), META)
    build(client, SECOND, documents(3), META)
    assert client.get(CURRENT_KEY) == SECOND.name.encode()
    assert 0 < client.ttl(FIRST.key("student", "000")) <= 60


def test_keys_of_other_tenants_are_left_alone(client: redis.Redis) -> None:
    client.set("theirs", "1")
    build(client, FIRST, documents(3), META)
    build(client, SECOND, documents(3), META)
    assert client.get("theirs") == b"1"
    assert client.ttl("theirs") == -1


def test_a_cache_that_lost_keys_is_not_alive(client: redis.Redis) -> None:
    build(client, FIRST, documents(3), META)
    client.delete(FIRST.key("student", "001"))
    assert not is_alive(client, FIRST)


def test_a_build_that_lost_keys_on_the_way_is_not_switched_to(client: redis.Redis) -> None:
    build(client, FIRST, documents(3), META)

    def losing() -> Iterator[tuple[str, pl.DataFrame]]:
        yield from documents(3)
        client.delete(SECOND.key("student", "001"))

    with pytest.raises(CacheError, match="not switched to"):
        build(client, SECOND, losing(), META)
    assert client.get(CURRENT_KEY) == FIRST.name.encode()
    assert client.ttl(SECOND.key("student", "000")) > 0


def test_the_meta_key_says_what_was_built(client: redis.Redis) -> None:
    build(client, FIRST, documents(3), META)
    meta = orjson.loads(client.get(FIRST.key("meta")))
    assert meta == {"publication": 1, "generation": FIRST.name, "counts": {"student": 3}, "keys": 3}


def test_a_cache_that_is_away_is_one_line_without_its_password() -> None:
    with (
        pytest.raises(CacheError, match="OUSPARK_REDIS_URL") as refused,
        connect_cache("redis://:hidden-word@127.0.0.1:1/0"),
    ):
        pass
    assert "hidden-word" not in str(refused.value)
