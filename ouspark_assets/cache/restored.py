"""A cache that was restored from an older save, and is behind what readers were already shown.

`ouspark:current` is removed from it, so that readers find no cache, and use production, until the
next prewarm. The embedded server runs this module before it opens its port; a sensor does the same
for other servers.
"""

import os
import sys

from redis import Redis
from redis.client import Pipeline

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.keys import CURRENT_KEY, is_older
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.warehouse.core.connection import Connection, Side, connected, fetch_value
from ouspark_assets.warehouse.publication.publications import last_generation

CONNECT_TIMEOUT = 5
# Production has no record before its migration adds the column.
_HAS_RECORD = """
SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_schema = 'ops'
                AND table_name = 'publications' AND column_name = 'generation')
"""


def withhold_if_outdated(client: Redis, production: Connection) -> str | None:
    """Withhold the current generation if it is older than the last switch; return its name."""
    last = last_generation(production) if fetch_value(production, _HAS_RECORD) else None
    if last is None:
        return None
    withheld: list[str] = []

    def delete_if_older(transaction: Pipeline) -> None:
        withheld.clear()
        pointer: object = transaction.get(CURRENT_KEY)
        transaction.multi()
        if isinstance(pointer, bytes) and is_older(pointer.decode(), last):
            transaction.delete(CURRENT_KEY)
            withheld.append(pointer.decode())

    # Runs again if a prewarm switches in between.
    client.transaction(delete_if_older, CURRENT_KEY)
    return withheld[0] if withheld else None


def main() -> None:
    """Compare the cache of the URL on standard input with the database of OUSPARK_PROD_DSN."""
    url = sys.stdin.read()
    try:
        with (
            connected(
                os.environ["OUSPARK_PROD_DSN"], Side.PRODUCTION, "ouspark cache", CONNECT_TIMEOUT
            ) as production,
            connect_cache(url) as client,
        ):
            withheld = withhold_if_outdated(client, production)
    except OuSparkError as error:
        sys.exit(str(error))
    if withheld:
        sys.stderr.write(
            f"Cache generation {withheld} is older than the one that readers were last shown: "
            "withheld until the next prewarm.\n"
        )


if __name__ == "__main__":
    main()
