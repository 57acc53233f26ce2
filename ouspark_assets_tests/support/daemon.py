"""Dagster's daemon with a code server, as `dagster dev` runs them, for a pipeline of a test.

Nothing is typed while it runs; whatever happens is automation's doing.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import redis

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.sources.results_site.release_index import parse_index, select_releases
from ouspark_assets.sources.results_site.site_index import INDEX_PATH
from ouspark_assets_tests.support.pipeline import BIN, ROOT, Pipeline

POLL_SECONDS = 0.1
DEADLINE_SECONDS = 600


@contextmanager
def running_daemon(pipeline: Pipeline, **variables: str) -> Iterator[Path]:
    """The daemon and its code server in a process group of their own; the path of their log."""
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
        yield log
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()


def wait_until(what: str, holds: Callable[[], bool], log: Path) -> None:
    """Wait until something holds; if it never does, say what happened instead."""
    ends = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < ends, f"never: {what}\n{log.read_text()[-6000:]}"
        time.sleep(POLL_SECONDS)


def releases_in_cache(pipeline: Pipeline) -> list[str]:
    """The releases in the generation that readers use; none while there is no server yet."""
    with contextlib.suppress(OuSparkError, redis.RedisError), pipeline.cache() as client:
        name = client.get("ouspark:current")
        meta = client.get(f"ouspark:{name.decode()}:meta") if name else None
        return json.loads(meta)["releases"] if meta else []
    return []


def selected_releases_on_index(pipeline: Pipeline) -> list[str]:
    """The releases that the index page shows and that are brought in unasked, oldest first."""
    url = pipeline.site_url + INDEX_PATH
    page = httpx.get(url, timeout=60)
    return select_releases(parse_index(page.content, url, seen_at=datetime.now(UTC)).frame)
