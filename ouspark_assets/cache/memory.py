"""Memory of the cache: what a generation will need, what is left, and the refusal in between."""

from dataclasses import dataclass

from redis import Redis
from redis.exceptions import ResponseError

from ouspark_assets.domain.errors import CacheError

# What a server keeps beside key and value of a string (measured 95 to 120 bytes on Valkey 9).
BYTES_PER_KEY = 120
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Memory:
    """What the server says of its memory."""

    used: int
    most: int
    policy: str


def memory_of(client: Redis) -> Memory | None:
    """The server's memory; None from a managed server that does not tell."""
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


def refuse_eviction(memory: Memory | None, needed: int) -> None:
    """Refuse to build what the server would have to evict, or refuse to hold."""
    if memory is None or not memory.most or memory.used + needed <= memory.most:
        return
    happens = (
        "it would refuse the writes"
        if memory.policy == "noeviction"
        else f"it would evict keys that readers need ({memory.policy})"
    )
    message = (
        f"The new cache generation needs about {_megabytes(needed)} beside the present one, the "
        f"server has {_megabytes(max(0, memory.most - memory.used))} left of its maxmemory of "
        f"{_megabytes(memory.most)}: {happens}. Raise maxmemory; readers keep what they have."
    )
    raise CacheError(message)


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,.1f} MB"
