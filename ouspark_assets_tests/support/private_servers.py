"""A PostgreSQL server of one test process, for tests that crash it or use up its connections."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ouspark_assets.services import Endpoints, client, resolve_endpoints
from ouspark_assets.settings import ServerSettings


@contextmanager
def private_postgres() -> Iterator[Endpoints]:
    """Start a server in a home of its own; stop it at the end."""
    # The path of pytest's folder is too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="ouspark-test-"))
    try:
        yield resolve_endpoints(ServerSettings(home=folder / "home"), need={"postgres"})
    finally:
        client.stop_servers(folder / "home")
        shutil.rmtree(folder)
