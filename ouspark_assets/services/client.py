"""The side of a process that uses the servers: joins, starts the supervisor, asks.

What belongs here: membership of this process and the conversation with the supervisor. What to
ask for is decided by the callers.
"""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import file_locks as locks
from ouspark_assets.services.child_process import environment
from ouspark_assets.services.paths import Places, prepare, unusable
from ouspark_assets.services.protocol import Answer, Question, ask

# A first start on a slow disk, with a crash to recover from, takes this long at the worst.
NEED_SECONDS = 180.0
STATUS_SECONDS = 10.0
CLOSED_GATE_SECONDS = 120.0
MOST_ATTEMPTS = 5


class _Memberships:
    """The lock that this process holds per home, as long as it lives."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.descriptors: dict[tuple[int, Path], int] = {}


_memberships = _Memberships()
if sys.platform != "win32":
    # A lock taken by another thread at the moment of a fork would stay taken in the child.
    os.register_at_fork(after_in_child=lambda: setattr(_memberships, "guard", threading.Lock()))


def need(home: Path, question: Question, grace: float) -> dict[str, str]:
    """Make sure that servers run, as a user of them, and return their addresses.

    Servers that are started here end so many seconds (`grace`) after their last user.
    """
    try:
        places = prepare(home)
        join(places)
        answer = _answer_of_a_supervisor(places, question, grace)
    except OSError as error:
        raise unusable(home, error) from error
    if answer.error is not None:
        raise ServiceError(answer.error)
    return answer.addresses


def keep(home: Path) -> None:
    """Let the servers of a running supervisor stay without users."""
    if question(home, Question("keep")) is None:
        message = f"The embedded servers of {home} ended just now: try again"
        raise ServiceError(message)


def stop(home: Path) -> Answer | None:
    """Stop every server of a home, users or not; None when nothing ran."""
    answer = question(home, Question("stop"))
    if answer is None:
        return None
    with suppress(FileNotFoundError):
        lock = locks.wait_lock(Places(home).supervisor, CLOSED_GATE_SECONDS)
        if lock is None:
            pid = answer.supervisor_pid
            message = f"The embedded servers of {home} did not stop: kill process {pid}"
            raise ServiceError(message)
        os.close(lock)
    return answer


def question(home: Path, asked: Question, seconds: float = STATUS_SECONDS) -> Answer | None:
    """Ask a running supervisor; None when there is none. Never starts or creates anything."""
    try:
        contact = json.loads(Places(home).contact.read_text("utf-8"))
        door = Path(contact["control"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return ask(door, asked, seconds)


def join(places: Places) -> int:
    """Hold this process's membership and return its descriptor; again and again is the same."""
    key = (os.getpid(), places.home)
    with _memberships.guard:
        descriptor = _memberships.descriptors.get(key)
        if descriptor is not None:
            if _is_listed(descriptor):
                return descriptor
            os.close(_memberships.descriptors.pop(key))
        joined = locks.join(places, CLOSED_GATE_SECONDS)
        if joined is None:
            message = f"The embedded servers of {places.home} are stopping and don't come to an end"
            raise ServiceError(message)
        _memberships.descriptors[key] = joined
        return joined


def _is_listed(descriptor: int) -> bool:
    """Whether the file of a membership still exists (a home may have been deleted)."""
    return os.fstat(descriptor).st_nlink > 0


def _answer_of_a_supervisor(places: Places, asked: Question, grace: float) -> Answer:
    deadline = time.monotonic() + NEED_SECONDS
    attempts = 0
    while (answer := question(places.home, asked, NEED_SECONDS)) is None:
        if attempts >= MOST_ATTEMPTS or time.monotonic() > deadline:
            message = f"The embedded servers keep ending while they start (see {places.logs})"
            raise ServiceError(message)
        lock = locks.try_lock(places.start)
        if lock is None:
            time.sleep(locks.PAUSE_SECONDS)
            continue
        with locks.held(lock):
            if question(places.home, Question("status")) is None:
                _start_supervisor(places, grace)
            attempts += 1
    return answer


def _start_supervisor(places: Places, grace: float) -> None:
    command = [sys.executable, "-P", "-m", "ouspark_assets.services.supervisor"]
    done = subprocess.run(  # noqa: S603 (our own module)
        [*command, str(places.home), "--grace", str(grace)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        env=environment(),
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ServiceError(lines[-1] if lines else "The supervisor of the servers does not start")
