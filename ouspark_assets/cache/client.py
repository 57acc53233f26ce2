"""A connection to the cache, and the one clear line when there is none to be had."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from ouspark_assets.domain.errors import CacheError

TIMEOUT_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 10


@contextmanager
def connect_cache(url: str, wait: float = CONNECT_TIMEOUT_SECONDS) -> Iterator[redis.Redis]:
    """A client that has been answered once."""
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=wait,
            # What every server speaks; managed ones refuse to be told the client's name.
            protocol=2,
        )
        client.ping()
    except redis.ResponseError as error:
        raise _refused(error) from None
    except (redis.RedisError, ValueError) as error:
        raise _unreachable(error) from None
    except TypeError:
        # The client hands every parameter of the address on, whatever it is called.
        message = "OUSPARK_REDIS_URL has a parameter that is not known: correct what follows its ?."
        raise CacheError(message) from None
    with client:
        try:
            yield client
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise _unreachable(error) from error
        except redis.ResponseError as error:
            raise _refused(error) from error


def _refused(error: redis.ResponseError) -> CacheError:
    return CacheError(
        f"The cache refuses what is asked of it: {_first_line(error)}. OUSPARK_REDIS_URL must lead "
        "to a server that takes writes and has memory left, as a user who may."
    )


def _unreachable(error: Exception) -> CacheError:
    message = (
        f"The cache can't be reached: {_first_line(error)}. Start it or correct OUSPARK_REDIS_URL."
    )
    return CacheError(message)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".") or type(error).__name__
