"""The server's memory, and the check that a new generation fits into it."""

from dataclasses import dataclass

from redis import Redis
from redis.exceptions import ResponseError

from ouspark_assets.domain.errors import CacheError

# Overhead of the server per string key, on top of key and value (Valkey 9: 95 to 120 bytes).
BYTES_PER_KEY = 120
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Memory:
    """The server's memory in bytes: used, maximum (0: unlimited), and its eviction policy."""

    used: int
    most: int
    policy: str


def read_memory(client: Redis) -> Memory | None:
    """Return the server's memory; None from a managed server that hides it."""
    try:
        info = client.info("memory")
    except ResponseError:
        return None
    if not isinstance(info, dict) or "used_memory" not in info:
        return None
    return Memory(
        int(info["used_memory"]),
        int(info.get("maxmemory", 0)),
        str(info.get("maxmemory_policy", "noeviction")),
    )


def require_capacity(memory: Memory | None, needed: int) -> None:
    """Raise CacheError if the server would evict keys or refuse writes during the build."""
    if memory is None or not memory.most or memory.used + needed <= memory.most:
        return
    consequence = (
        "it would refuse the writes"
        if memory.policy == "noeviction"
        else f"it would evict keys that readers need (policy {memory.policy})"
    )
    message = (
        f"The new cache generation needs about {_megabytes(needed)} alongside the current one, but "
        f"the server has {_megabytes(max(0, memory.most - memory.used))} left of its maxmemory of "
        f"{_megabytes(memory.most)}: {consequence}. Raise maxmemory and run again; readers keep "
        "the current generation."
    )
    raise CacheError(message)


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,.1f} MB"
