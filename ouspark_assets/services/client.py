"""The client side of the supervisor: register as a user, start and restart it, send requests.

Which servers are needed is decided by the callers.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services.child_process import child_environment
from ouspark_assets.services.file_locks import (
    closing_descriptor,
    lock_descriptor,
    try_lock,
    wait_for_lock,
    wait_until_unlocked,
)
from ouspark_assets.services.paths import ServicePaths, create_folders, home_error
from ouspark_assets.services.protocol import Request, Response, send_request
from ouspark_assets.services.start_policy import (
    LOCK_POLL_INTERVAL,
    MAX_RESTART_INTERVAL,
    MAX_SUPERVISOR_STARTS,
    REQUEST_TIMEOUT,
    RESTART_INTERVAL,
    STATUS_TIMEOUT,
    STOP_TIMEOUT,
)

log = logging.getLogger(__name__)


class _Memberships:
    """What this process holds and needs, per process id and home, until it ends.

    `descriptors` are locked user files. `needs` are the servers requested so far; a thread in
    `watchers` requests them again when the supervisor is killed.
    """

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.descriptors: dict[tuple[int, Path], int] = {}
        self.needs: dict[tuple[int, Path], Request] = {}
        self.watchers: dict[tuple[int, Path], threading.Thread] = {}


_memberships = _Memberships()
if sys.platform != "win32":
    # A lock that another thread holds at the moment of a fork would stay locked in the child.
    os.register_at_fork(after_in_child=lambda: setattr(_memberships, "guard", threading.Lock()))


def request_servers(home: Path, request: Request, grace: float) -> dict[str, str]:
    """Register as a user, have the requested servers started, and return their addresses.

    A supervisor that is started here stops `grace` seconds after its last user. If it is killed,
    this process restarts it with every server that it requested so far.
    """
    try:
        paths = create_folders(home)
        register_user(paths)
        response = _request_with_start(paths, request, grace)
    except OSError as error:
        raise home_error(home, error) from error
    if response.error is not None:
        raise ServiceError(response.error)
    _watch_supervisor(paths, request, grace)
    return response.addresses


def restart_when_killed(paths: ServicePaths, need: Callable[[], Request], grace: float) -> None:
    """Restart the supervisor with the needed servers whenever it is killed.

    Returns when it stops in an orderly way: it then removes its control socket. Of several
    processes that do this at once, one starts the new supervisor and all send their requests.
    """
    interval = RESTART_INTERVAL
    while True:
        wait_until_unlocked(paths.supervisor)
        control = _read_control_socket(paths)
        if control is None or not control.exists():
            return
        try:
            response = _request_with_start(paths, need(), grace)
            problem = response.error
            interval = RESTART_INTERVAL
        except ServiceError as error:
            problem = str(error)
            time.sleep(interval)
            interval = min(2 * interval, MAX_RESTART_INTERVAL)
        if problem is not None:
            log.warning("The embedded servers ended and could not be restarted: %s", problem)


def keep_servers(home: Path) -> None:
    """Keep the servers of a running supervisor running without users."""
    if query_supervisor(home, Request("keep")) is None:
        message = f"The embedded servers of {home} stopped in the meantime. Try again."
        raise ServiceError(message)


def stop_servers(home: Path) -> Response | None:
    """Stop every server of a home, even while it is in use; None if no supervisor runs."""
    response = query_supervisor(home, Request("stop"))
    if response is None:
        return None
    with suppress(FileNotFoundError):
        lock = wait_for_lock(ServicePaths(home).supervisor, STOP_TIMEOUT)
        if lock is None:
            pid = response.supervisor_pid
            message = f"The embedded servers of {home} did not stop. Kill process {pid}."
            raise ServiceError(message)
        os.close(lock)
    return response


def query_supervisor(
    home: Path, request: Request, timeout: float = STATUS_TIMEOUT
) -> Response | None:
    """Send a request to the running supervisor; None if there is none. Starts nothing."""
    control = _read_control_socket(ServicePaths(home))
    return None if control is None else send_request(control, request, timeout)


def register_user(paths: ServicePaths) -> int:
    """Register this process as a user and return the descriptor of its locked file.

    A process that is registered keeps its file, unless the home was deleted in the meantime.
    """
    key = (os.getpid(), paths.home)
    with _memberships.guard:
        descriptor = _memberships.descriptors.get(key)
        if descriptor is not None:
            if os.fstat(descriptor).st_nlink > 0:
                return descriptor
            os.close(_memberships.descriptors.pop(key))
        gate = wait_for_lock(paths.gate, STOP_TIMEOUT, shared=True)
        if gate is None:
            message = f"The embedded servers of {paths.home} have been stopping for too long"
            raise ServiceError(message)
        with closing_descriptor(gate):
            descriptor, _ = tempfile.mkstemp(prefix=f"{os.getpid()}.", dir=paths.users)
            lock_descriptor(descriptor)
        _memberships.descriptors[key] = descriptor
        return descriptor


def _watch_supervisor(paths: ServicePaths, request: Request, grace: float) -> None:
    """Add a request to what this process needs, and see that a thread watches the supervisor."""
    key = (os.getpid(), paths.home)
    with _memberships.guard:
        known = _memberships.needs.get(key, request)
        servers = tuple(dict.fromkeys((*known.servers, *request.servers)))
        population = request.population or known.population
        _memberships.needs[key] = replace(request, servers=servers, population=population)
        watcher = _memberships.watchers.get(key)
        if watcher is None or not watcher.is_alive():
            watcher = _memberships.watchers[key] = threading.Thread(
                target=_watch, args=(paths, key, grace), name="embedded servers", daemon=True
            )
            watcher.start()


def _watch(paths: ServicePaths, key: tuple[int, Path], grace: float) -> None:
    # The home may be deleted at any moment; there is nothing to restart then.
    with suppress(OSError):
        restart_when_killed(paths, lambda: _memberships.needs[key], grace)


def _read_control_socket(paths: ServicePaths) -> Path | None:
    try:
        return Path(json.loads(paths.contact.read_text("utf-8"))["control"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _request_with_start(paths: ServicePaths, request: Request, grace: float) -> Response:
    deadline = time.monotonic() + REQUEST_TIMEOUT
    starts = 0
    while (response := query_supervisor(paths.home, request, REQUEST_TIMEOUT)) is None:
        if starts >= MAX_SUPERVISOR_STARTS or time.monotonic() > deadline:
            message = f"The embedded servers repeatedly ended while they started. See {paths.logs}."
            raise ServiceError(message)
        lock = try_lock(paths.start)
        if lock is None:
            time.sleep(LOCK_POLL_INTERVAL)
            continue
        with closing_descriptor(lock):
            if query_supervisor(paths.home, Request("status")) is None:
                _start_supervisor(paths, grace)
            starts += 1
    return response


def _start_supervisor(paths: ServicePaths, grace: float) -> None:
    command = [sys.executable, "-P", "-m", "ouspark_assets.services.supervisor"]
    done = subprocess.run(  # noqa: S603 (our own module)
        [*command, str(paths.home), "--grace", str(grace)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        env=child_environment(),
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ServiceError(lines[-1] if lines else "The supervisor of the servers did not start")
