from collections.abc import Iterator
from urllib.parse import urlsplit

import polars as pl
import pytest
import redis

from ouspark_assets.cache import bulk_commands
from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.generation import build_generation, is_current
from ouspark_assets.cache.keys import CURRENT_KEY, Generation
from ouspark_assets.settings import CacheSettings
from ouspark_assets_tests.cache.test_generation import META, documents

GENERATION = Generation(7, "c" * 64)
# The commands that a restrictive managed server allows: no scripts, no administration, no INFO.
ALLOWED_COMMANDS = (
    "~*", "&*", "-@all", "+ping", "+select", "+get", "+set", "+mget", "+exists", "+expire",
    "+persist", "+sadd", "+srem", "+smembers", "+scan",
)  # fmt: skip


@pytest.fixture
def limited(client: redis.Redis, cache_url: str, worker_id: str) -> Iterator[redis.Redis]:
    """Yield a client of the same server, as a user with few permissions."""
    name = f"limited-{worker_id}"
    client.execute_command("ACL", "SETUSER", name, "reset", "on", ">little", *ALLOWED_COMMANDS)
    parts = urlsplit(cache_url)
    with connect_cache(
        f"redis://{name}:little@{parts.hostname}:{parts.port}{parts.path}"
    ) as limited_client:
        yield limited_client
    client.execute_command("ACL", "DELUSER", name)


def test_a_generation_is_built_on_a_server_that_allows_few_commands(limited: redis.Redis) -> None:
    assert not bulk_commands.has_msetex(limited)
    result = build_generation(limited, GENERATION, documents(1200), META, CacheSettings())
    assert (result.keys, result.memory) == (1200, None)
    assert is_current(limited, GENERATION)
    assert limited.get(CURRENT_KEY) == GENERATION.name.encode()


def test_the_embedded_server_supports_msetex(client: redis.Redis) -> None:
    assert bulk_commands.has_msetex(client)


@pytest.mark.parametrize("msetex", [True, False])
def test_keys_are_set_with_a_time_to_live_with_and_without_msetex(
    client: redis.Redis, *, msetex: bool
) -> None:
    frame = pl.DataFrame({"name": [str(n) for n in range(1501)], "document": ["é"] * 1501})
    size = bulk_commands.set_with_ttl(client, "p:", [frame], 100, msetex=msetex)
    keys = frame.select((pl.lit("p:") + pl.col("name")).alias("key"))["key"]
    assert size == 3002
    assert bulk_commands.count_existing(client, keys) == 1501
    assert set(bulk_commands.get_values(client, keys)) == {"é".encode()}
    assert 0 < client.ttl("p:1500") <= 100
    assert bulk_commands.persist(client, keys) == 1501
    assert bulk_commands.persist(client, keys) == 0


def test_unread_answers_of_a_failed_batch_do_not_reach_the_next_command(
    client: redis.Redis,
) -> None:
    client.set("mine", "text")
    frame = pl.DataFrame({"name": [str(n) for n in range(5000)], "document": ["{}"] * 5000})
    with pytest.raises(redis.ResponseError, match="expire"):
        # Raised while the answers to later batches have not been read.
        bulk_commands.set_with_ttl(client, "p:", [frame], -5, msetex=False)
    assert client.get("mine") == b"text"
    assert bulk_commands.get_values(client, pl.Series("key", ["mine", "p:1"])) == [b"text", None]
