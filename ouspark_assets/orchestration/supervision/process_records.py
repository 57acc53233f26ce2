"""What `ouspark ui` records about its processes in the home: which run, since when, how often.

A process holds a lock on a file of its own for as long as it lives, so that a recorded pid is never
taken for another process. Starting and ending them is in `ui_supervisor.py`.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ouspark_assets.domain.errors import SupervisionError
from ouspark_assets.services.file_locks import is_locked, try_lock
from ouspark_assets.services.paths import PRIVATE_FILE, PRIVATE_FOLDER, write_private_file

# A process that was started less than this ago is still importing and does no work yet.
STARTING_SECONDS = 10.0
# A check waits up to 10 s for user code and 5 s for each server, and messages are delivered after.
MAX_SECONDS_SINCE_CHECK = 180.0


@dataclass(frozen=True)
class ProcessRecord:
    """A process of `ouspark ui`."""

    name: str
    pid: int
    started: float
    restarts: int = 0
    # How its predecessor ended, e.g. `signal 9`.
    last_end: str | None = None


@dataclass(frozen=True)
class UiFiles:
    """The folder of `ouspark ui` in a home."""

    home: Path

    @property
    def folder(self) -> Path:
        """The private folder of everything."""
        return self.home / "ui"

    @property
    def workspace(self) -> Path:
        """The workspace file of webserver and daemon."""
        return self.folder / "workspace.yaml"

    def create(self) -> None:
        """Create the folder."""
        self.folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)

    def lock_supervisor(self) -> int | None:
        """Become the supervisor of the home; None if there is one."""
        return self._lock("supervisor")

    def lock_process(self, name: str) -> int:
        """Return a locked descriptor for a process to inherit."""
        descriptor = self._lock(name)
        if descriptor is None:
            message = f"The process {name} of `ouspark ui` is still running."
            raise SupervisionError(message)
        return descriptor

    def is_supervised(self) -> bool:
        """Return whether the supervisor is alive."""
        return is_locked(self._lock_path("supervisor"))

    def is_alive(self, record: ProcessRecord) -> bool:
        """Return whether a recorded process is alive."""
        return is_locked(self._lock_path(record.name))

    def write(self, command: list[str], records: list[ProcessRecord]) -> None:
        """Record the processes, and the command that starts the supervisor again."""
        content = {"command": command, "processes": [asdict(record) for record in records]}
        write_private_file(self._records, json.dumps(content))

    def read(self) -> tuple[list[str], list[ProcessRecord]] | None:
        """Return the command and the processes; None if the supervisor was stopped."""
        try:
            content = json.loads(self._records.read_text("utf-8"))
        except FileNotFoundError:
            return None
        return content["command"], [ProcessRecord(**record) for record in content["processes"]]

    def forget(self) -> None:
        """Record that the supervisor was stopped."""
        self._records.unlink(missing_ok=True)

    def record_check(self) -> None:
        """Record that the monitor has completed a check."""
        self.create()
        self._last_check.touch(PRIVATE_FILE)

    def read_last_check(self) -> float | None:
        """Return when the monitor completed its last check; None if no monitor is running."""
        try:
            return self._last_check.stat().st_mtime
        except FileNotFoundError:
            return None

    def forget_checks(self) -> None:
        """Record that the monitor was stopped."""
        self._last_check.unlink(missing_ok=True)

    @property
    def _last_check(self) -> Path:
        return self.folder / "last-check"

    @property
    def _records(self) -> Path:
        return self.folder / "processes.json"

    def _lock_path(self, name: str) -> Path:
        return self.folder / f"{name}.lock"

    def _lock(self, name: str) -> int | None:
        path = self._lock_path(name)
        path.touch(PRIVATE_FILE)
        return try_lock(path)


def check_processes(files: UiFiles) -> str:
    """Check that `ouspark ui` and each of its processes run and have had time to start."""
    read = files.read()
    if read is None:
        return "`ouspark ui` is not running."
    _, records = read
    if not files.is_supervised():
        message = "The supervisor of `ouspark ui` was killed. Start `ouspark ui` again."
        raise SupervisionError(message)
    now = time.time()
    for record in records:
        reason = f" (the previous one ended with {record.last_end})" if record.last_end else ""
        if not files.is_alive(record):
            message = f"The process {record.name} is not running; it will be restarted."
            raise SupervisionError(message)
        if now - record.started < STARTING_SECONDS:
            message = (
                f"The process {record.name} was started {now - record.started:.0f} s ago{reason}."
            )
            raise SupervisionError(message)
    restarts = sum(record.restarts for record in records)
    return f"{len(records)} processes run, restarted {restarts} times."


def check_monitor(files: UiFiles) -> str:
    """Check that the monitor of a home, if there is one, completed a check recently."""
    last = files.read_last_check()
    if last is None:
        return "No monitor is running."
    age = time.time() - last
    if age > MAX_SECONDS_SINCE_CHECK:
        message = f"The monitor's last check was {age:.0f} s ago. Restart `ouspark health --watch`."
        raise SupervisionError(message)
    return f"The monitor's last check was {age:.0f} s ago."


def kill_process_group(pid: int, number: int) -> None:
    """Send a signal to a process and its descendants, unless they have ended."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
