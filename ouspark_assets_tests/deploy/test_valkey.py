"""Valkey as compose.yaml starts it: users, their commands, and memory, without a container."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ouspark_assets_tests.deploy.local_deployment import find_free_port, run_valkey
from ouspark_assets_tests.support.waiting import wait_until

SECRETS = {
    "REDIS_PASSWORD": "writer",
    "CACHE_READER_PASSWORD": "reader",
    "BROKER_PASSWORD": "steps",
}


@dataclass(frozen=True)
class Server:
    """A running Valkey."""

    port: int
    log: Path

    def client(self, password: str | None, user: str | None = None) -> "redis.Redis[str]":
        """Return a client of this user; without a name, of the default one."""
        # Without a number of retries, redis-py repeats a refused password for three seconds.
        return redis.Redis(
            port=self.port,
            username=user,
            password=password,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        )

    def is_up(self) -> bool:
        """Return whether the server answers, be it with a refusal."""
        try:
            self.client(None).ping()
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False
        return False


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Server]:
    yield from running("valkey", tmp_path)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    yield from running("broker", tmp_path)


def running(name: str, folder: Path) -> Iterator[Server]:
    server = Server(find_free_port(), folder / "log")
    with server.log.open("wb") as log, run_valkey(name, folder, server.port, SECRETS, log):
        wait_until(f"{name} answers", server.is_up, log=server.log)
        yield server


def test_a_reader_of_the_cache_reads_keys_that_it_knows_and_nothing_else(cache: Server) -> None:
    writer, reader = cache.client("writer"), cache.client("reader", "reader")
    writer.mset({"ouspark:current": "1", "ouspark:1:student": "{}", "other": "secret"})
    assert reader.get("ouspark:current") == "1"
    assert reader.mget("ouspark:current", "ouspark:1:student") == ["1", "{}"]
    assert reader.exists("ouspark:1:student") == 1
    with pytest.raises(redis.ResponseError, match=r"[nN]o permissions"):
        reader.get("other")
    for command in (
        "SET ouspark:current 2", "DEL ouspark:current", "EXPIRE ouspark:current 1", "FLUSHALL",
        "KEYS *", "SCAN 0", "CONFIG GET *", "ACL LIST", "PUBLISH ouspark x", "SHUTDOWN",
        "CLIENT LIST", "EVAL return 0",
    ):  # fmt: skip
        with pytest.raises(redis.ResponseError, match=r"[nN]o permissions"):
            reader.execute_command(*command.split())
    assert writer.get("ouspark:current") == "1"


def test_the_password_of_the_cache_does_not_open_the_broker(broker: Server) -> None:
    assert broker.client("steps").ping()
    for user, password in ((None, "writer"), ("reader", "reader"), (None, "reader")):
        with pytest.raises(redis.AuthenticationError):
            broker.client(password, user).ping()


def test_no_key_is_evicted_when_the_memory_is_full(cache: Server) -> None:
    writer = cache.client("writer")
    writer.set("ouspark:current", "1")
    assert writer.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert int(writer.config_get("maxmemory")["maxmemory"]) == 768 * 1024**2
    writer.config_set("maxmemory", writer.info("memory")["used_memory"])
    with pytest.raises(redis.OutOfMemoryError):
        writer.set("ouspark:2:student", "x" * 1000)
    assert cache.client("reader", "reader").get("ouspark:current") == "1"


def test_no_password_is_among_the_arguments_or_readable_for_other_users(
    cache: Server, tmp_path: Path
) -> None:
    pid = cache.client("writer").info("server")["process_id"]
    arguments = Path(f"/proc/{pid}/cmdline")
    if arguments.exists():
        assert not [secret for secret in SECRETS.values() if secret in arguments.read_text()]
    assert (tmp_path / "valkey.conf").stat().st_mode & 0o077 == 0
