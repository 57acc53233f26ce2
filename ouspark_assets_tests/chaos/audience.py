"""The readers as whoever makes trouble sees them: a process, and what it has noted so far.

What they look at is `readers.py`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ouspark_assets.services import Endpoints
from ouspark_assets_tests.chaos.readers import Readings
from ouspark_assets_tests.support.pipeline import ROOT


@dataclass(frozen=True)
class Readers:
    """The process, and what it has noted so far."""

    notes: Path
    process: subprocess.Popen[str]

    def readings(self) -> Readings:
        """What was seen so far."""
        if self.process.poll() is not None:
            message = f"The readers ended with {self.process.returncode}"
            raise RuntimeError(message)
        return Readings(**json.loads(self.notes.read_text("utf-8"))) if self._began else Readings()

    def stop(self) -> None:
        """End reading."""
        self.process.kill()
        self.process.communicate()

    @property
    def _began(self) -> bool:
        return self.notes.exists()


@contextmanager
def reading(notes: Path, servers: Endpoints) -> Iterator[Readers]:
    """Readers until the end; addresses with passwords never stand in a command line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ouspark_assets_tests.chaos.readers"],
        stdin=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        # Ctrl-C is for the one who started them.
        start_new_session=True,
    )
    readers = Readers(notes, process)
    try:
        assert process.stdin is not None
        addresses = {"prod_dsn": servers.prod_dsn, "redis_url": servers.redis_url}
        process.stdin.write(json.dumps({"notes": str(notes), **addresses}) + "\n")
        process.stdin.flush()
        yield readers
    finally:
        readers.stop()
