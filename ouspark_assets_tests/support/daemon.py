"""Runs Dagster's daemon with a code server for a `Pipeline`, as `dagster dev` does.

For tests of automation end to end: no command is run while the daemon works.
"""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import httpx
import redis

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.sources.results_site.release_index import parse_index, select_releases
from ouspark_assets.sources.results_site.site_index import INDEX_PATH
from ouspark_assets_tests.support.pipeline import BIN, ROOT, Pipeline
from ouspark_assets_tests.support.waiting import wait_until

# Seconds within which the daemon has done what a test waits for.
RUN_TIMEOUT = 600
WaitFor = Callable[[str, Callable[[], bool]], None]


@contextmanager
def running_daemon(pipeline: Pipeline, **variables: str) -> Iterator[WaitFor]:
    """Run the daemon in a process group of its own; yield a wait that shows its log on failure."""
    pipeline.home.mkdir(parents=True, exist_ok=True)
    log = pipeline.home / "daemon.log"
    with log.open("ab") as output:
        daemon = subprocess.Popen(
            [str(BIN / "dagster-daemon"), "run", "-w", "workspace.yaml"],
            env={**pipeline.environment, "OUSPARK_INDEX_INTERVAL": "1", **variables},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield partial(wait_until, log=log, timeout=RUN_TIMEOUT)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()


def releases_in_cache(pipeline: Pipeline) -> list[str]:
    """Return the releases of the current generation; none while the cache is not running."""
    with contextlib.suppress(OuSparkError, redis.RedisError), pipeline.cache() as client:
        name = client.get("ouspark:current")
        meta = client.get(f"ouspark:{name.decode()}:meta") if name else None
        return json.loads(meta)["releases"] if meta else []
    return []


def selected_releases_on_index(pipeline: Pipeline) -> list[str]:
    """Return the releases of the index page that are loaded by default, oldest first."""
    url = pipeline.site_url + INDEX_PATH
    page = httpx.get(url, timeout=60)
    return select_releases(parse_index(page.content, url, seen_at=datetime.now(UTC)).frame)
