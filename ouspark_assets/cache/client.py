"""Connections to Redis: timeouts, the retry policy, and errors that operators understand."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ouspark_assets.domain.errors import CacheError
from ouspark_assets.warehouse.core.connection import first_line

COMMAND_TIMEOUT = 30
CONNECT_TIMEOUT = 10
# The retry policy for Redis: no command is sent a second time. A build that fails leaves readers
# the current generation, so it is repeated as a whole, by the next run or by the sensor that warms
# the cache. Bulk commands could not be retried one by one anyway: many are sent before the first
# answer is read. Reads by operators fail with a message instead of waiting.
NO_RETRIES = Retry(NoBackoff(), 0)


@contextmanager
def connect_cache(url: str, connect_timeout: float = CONNECT_TIMEOUT) -> Iterator[redis.Redis]:
    """Yield a client that has been connected and checked.

    Raise CacheError if the server cannot be reached, now or in the block, or refuses a command.
    """
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=COMMAND_TIMEOUT,
            socket_connect_timeout=connect_timeout,
            retry=NO_RETRIES,
            # RESP 2, which every server supports. With RESP 3 the client also sends its name, and
            # managed servers reject that command.
            protocol=2,
        )
        client.ping()
    except redis.ResponseError as error:
        raise _refused(error) from error
    except redis.RedisError as error:
        raise _unreachable(error) from error
    except ValueError:
        message = (
            "OUSPARK_REDIS_URL can't be used as an address. Correct its host, port and parameters, "
            "and write / @ ? in a password as %2F %40 %3F."
        )
        raise CacheError(message) from None  # the cause may show parts of the URL
    except TypeError:
        # redis-py passes every query parameter of the URL on as an argument. The cause would show
        # the parameters.
        message = (
            "OUSPARK_REDIS_URL has a query parameter that is not supported. Correct the part "
            "after the question mark."
        )
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
        f"The cache refused a command: {first_line(error)}. OUSPARK_REDIS_URL must name a server "
        "that accepts writes and has memory left, and a user with the necessary permissions."
    )


def _unreachable(error: Exception) -> CacheError:
    return CacheError(
        f"The cache can't be reached: {first_line(error)}. Start it or correct OUSPARK_REDIS_URL."
    )
