import traceback
from collections.abc import Iterator

import orjson
import polars as pl
import pytest
import redis

from ouspark_assets.cache.capacity import read_memory
from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.documents import Documents
from ouspark_assets.cache.generation import (
    build_generation,
    current_generation,
    is_current,
    retire_others,
)
from ouspark_assets.cache.keys import CURRENT_KEY, GENERATIONS_KEY, Generation
from ouspark_assets.domain.errors import CacheError
from ouspark_assets.settings import CacheSettings

FIRST, SECOND = Generation(1, "a" * 64), Generation(2, "b" * 64)
META = {"publication": 1}
SETTINGS = CacheSettings()


def documents(n: int, text: str = "{}") -> list[Documents]:
    names = [f"{number:03d}" for number in range(n)]
    frame = pl.DataFrame({"name": names, "document": [text] * n})
    return [Documents("student", n, lambda: iter([frame]))]


def test_a_complete_generation_becomes_current(client: redis.Redis) -> None:
    result = build_generation(client, FIRST, documents(2500), META, SETTINGS)
    assert result.keys == 2500
    assert client.get(CURRENT_KEY) == FIRST.name.encode()
    assert client.get(FIRST.key("student", "2499")) == b"{}"
    assert is_current(client, FIRST)


def test_documents_in_any_script_are_stored_unchanged(client: redis.Redis) -> None:
    text = '{"name": "Émile – ✓ తెలుగు \\r\\n $3"}'
    build_generation(client, FIRST, documents(3, text), META, SETTINGS)
    assert client.get(FIRST.key("student", "001")) == text.encode()


def test_the_current_generation_has_no_time_to_live(client: redis.Redis) -> None:
    build_generation(client, FIRST, documents(3), META, SETTINGS)
    keys = list(client.scan_iter(match="ouspark:*"))
    assert len(keys) == 6
    assert {client.ttl(key) for key in keys} == {-1}


def test_the_replaced_generation_expires_within_a_minute(client: redis.Redis) -> None:
    build_generation(client, FIRST, documents(3), META, SETTINGS)
    build_generation(client, SECOND, documents(3), META, SETTINGS)
    assert client.get(CURRENT_KEY) == SECOND.name.encode()
    assert 0 < client.ttl(FIRST.key("student", "000")) <= 60
    assert 0 < client.ttl(FIRST.key("meta")) <= 60


def test_keys_of_other_tenants_are_not_touched(client: redis.Redis) -> None:
    client.set("theirs", "1")
    client.set("ousparkling", "1")
    build_generation(client, FIRST, documents(3), META, SETTINGS)
    build_generation(client, SECOND, documents(3), META, SETTINGS)
    for key in ("theirs", "ousparkling"):
        assert client.get(key) == b"1"
        assert client.ttl(key) == -1


def test_a_generation_with_missing_keys_does_not_count_as_current(client: redis.Redis) -> None:
    build_generation(client, FIRST, documents(3), META, SETTINGS)
    client.delete(FIRST.key("student", "001"))
    assert not is_current(client, FIRST)


def test_a_generation_with_missing_keys_is_rebuilt_under_another_name(client: redis.Redis) -> None:
    build_generation(client, FIRST, documents(3), META, SETTINGS)
    client.delete(FIRST.key("student", "001"))
    result = build_generation(client, FIRST, documents(3), META, SETTINGS)
    assert result.generation == f"{FIRST.name}-1"
    assert is_current(client, FIRST)
    assert client.ttl(FIRST.key("student", "000")) > 0


def documents_with_a_deletion(client: redis.Redis, key: str, n: int = 2) -> list[Documents]:
    """Return documents, one of which is deleted again before the build is complete."""

    def batches() -> Iterator[pl.DataFrame]:
        names = [f"{number:03d}" for number in range(n)]
        yield pl.DataFrame({"name": names, "document": ["{}"] * n})
        client.delete(key)

    def more() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"name": ["x"], "document": ["{}"]})
        client.delete(key)

    return [Documents("student", n, batches), Documents("class", 1, more)]


def test_a_generation_that_lost_keys_during_the_build_does_not_become_current(
    client: redis.Redis,
) -> None:
    build_generation(client, FIRST, documents(3), META, SETTINGS)
    with pytest.raises(CacheError, match="Readers keep the current generation"):
        build_generation(
            client,
            SECOND,
            documents_with_a_deletion(client, SECOND.key("student", "001")),
            META,
            SETTINGS,
        )
    assert client.get(CURRENT_KEY) == FIRST.name.encode()
    assert client.ttl(SECOND.key("student", "000")) > 0


def test_a_generation_that_lost_a_key_outside_the_sample_is_refused_and_expires(
    client: redis.Redis,
) -> None:
    build_generation(client, FIRST, documents(3), META, SETTINGS)
    # Every second value of a batch of twelve is compared with what was written.
    lost = documents_with_a_deletion(client, SECOND.key("student", "001"), n=12)
    with pytest.raises(CacheError, match="has 13 keys instead of 14"):
        build_generation(client, SECOND, lost, META, SETTINGS)
    assert client.get(CURRENT_KEY) == FIRST.name.encode()
    left = list(client.scan_iter(match=f"{SECOND.prefix}*"))
    assert len(left) == 13
    assert all(0 < client.ttl(key) <= SETTINGS.cache_retired_seconds for key in left)


def test_a_generation_whose_values_were_altered_during_the_build_is_refused(
    client: redis.Redis,
) -> None:
    build_generation(client, FIRST, documents(3), META, SETTINGS)

    def batches() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"name": ["x"], "document": ["{}"]})
        # As if another program wrote to the key; its time to live stays.
        client.set(SECOND.key("student", "000"), "altered", keepttl=True)

    altered = [*documents(3), Documents("class", 1, batches)]
    with pytest.raises(CacheError, match="1 of 5 sampled values"):
        build_generation(client, SECOND, altered, META, SETTINGS)
    assert client.get(CURRENT_KEY) == FIRST.name.encode()
    left = list(client.scan_iter(match=f"{SECOND.prefix}*"))
    assert len(left) == 5
    assert all(0 < client.ttl(key) <= SETTINGS.cache_building_seconds for key in left)


def test_persistent_keys_of_a_killed_build_are_retired_by_the_next_build(
    client: redis.Redis,
) -> None:
    # As if a build had been killed after making its keys persistent and before the switch.
    client.sadd(GENERATIONS_KEY, FIRST.name)
    client.set(FIRST.key("student", "000"), "{}")
    build_generation(client, SECOND, documents(3), META, SETTINGS)
    assert 0 < client.ttl(FIRST.key("student", "000")) <= 60
    assert client.smembers(GENERATIONS_KEY) == {SECOND.name.encode()}


def test_the_generation_that_a_killed_build_replaced_is_retired_by_the_next_run(
    client: redis.Redis,
) -> None:
    build_generation(client, FIRST, documents(3), META, SETTINGS)
    build_generation(client, SECOND, documents(3), META, SETTINGS)
    client.persist(FIRST.key("student", "000"))
    client.sadd(GENERATIONS_KEY, FIRST.name)
    assert current_generation(client) == SECOND.name
    retire_others(client, SECOND.name, 60)
    assert 0 < client.ttl(FIRST.key("student", "000")) <= 60
    assert client.ttl(SECOND.key("student", "000")) == -1


def test_keys_of_a_failed_build_expire_after_the_configured_time(client: redis.Redis) -> None:
    lost = documents_with_a_deletion(client, SECOND.key("student", "001"))
    with pytest.raises(CacheError, match="Readers keep the current generation"):
        build_generation(client, SECOND, lost, META, CacheSettings(cache_building_seconds=120))
    assert 0 < client.ttl(SECOND.key("student", "000")) <= 120


def test_the_meta_document_has_publication_generation_and_counts(client: redis.Redis) -> None:
    build_generation(client, FIRST, documents(3), META, SETTINGS)
    meta = orjson.loads(client.get(FIRST.key("meta")))
    assert meta == {"publication": 1, "generation": FIRST.name, "counts": {"student": 3}, "keys": 3}


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru"])
def test_a_generation_that_does_not_fit_into_memory_is_refused_before_anything_is_written(
    client: redis.Redis, policy: str
) -> None:
    build_generation(client, FIRST, documents(3), META, SETTINGS)
    memory = read_memory(client)
    assert memory is not None
    # Other test workers use the same server: leave memory for them, but not for the generation.
    client.config_set("maxmemory-policy", policy)
    client.config_set("maxmemory", memory.used + 200_000_000)
    try:
        with pytest.raises(CacheError, match="maxmemory") as refused:
            build_generation(client, SECOND, [one_batch_of(1_000_000)], META, SETTINGS)
    finally:
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")
    assert ("evict" in str(refused.value)) == (policy == "allkeys-lru")
    assert not client.exists(SECOND.key("student", "000"))
    assert is_current(client, FIRST)


def one_batch_of(n: int) -> Documents:
    frame = pl.DataFrame({"name": ["000"], "document": ["x" * 1000]})
    return Documents("student", n, lambda: iter([frame]))


def test_a_generation_takes_about_as_much_memory_as_estimated(client: redis.Redis) -> None:
    result = build_generation(client, FIRST, documents(20_000, "x" * 1_000), META, SETTINGS)
    assert result.memory is not None
    assert result.bytes == 20_000_000
    assert 20_000_000 < result.memory < 20_000_000 + 20_000 * 400


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hidden-word/x@127.0.0.1:1",
        "redis://user:hidden-word@[::1",
        "redis://127.0.0.1:1/?socket_timeout=hidden-word",
        "redis://127.0.0.1:1/?no_such_option=hidden-word",
    ],
)
def test_a_malformed_address_is_reported_without_its_parts(url: str) -> None:
    with pytest.raises(CacheError, match="OUSPARK_REDIS_URL") as refused, connect_cache(url):
        pass
    assert "hidden-word" not in "".join(traceback.format_exception(refused.value, limit=0))


def test_an_unreachable_cache_is_reported_without_its_password() -> None:
    with (
        pytest.raises(CacheError, match="OUSPARK_REDIS_URL") as refused,
        connect_cache("redis://:hidden-word@127.0.0.1:1/0"),
    ):
        pass
    assert "hidden-word" not in str(refused.value)
