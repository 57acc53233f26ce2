"""A killed supervisor is restarted by the processes that need its servers, and by nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from ouspark_assets.services import client, resolve_endpoints
from ouspark_assets.services.file_locks import is_locked
from ouspark_assets.services.paths import ServicePaths
from ouspark_assets.services.server_status import ServicesStatus
from ouspark_assets.settings import ServerSettings
from ouspark_assets_tests.services.conftest import User
from ouspark_assets_tests.support.waiting import wait_until

ReadStatus = Callable[[], ServicesStatus]
Crash = Callable[[int], None]
StartUser = Callable[[], User]
MAX_RECOVERY_SECONDS = 5.0


def kill_supervisor_and_wait(read_status: ReadStatus, crash: Crash, url: str) -> None:
    killed = read_status().supervisor_pid
    assert killed is not None
    crash(killed)
    wait_until(
        "another supervisor runs and the cache answers",
        lambda: read_status().supervisor_pid not in (None, killed) and answers(url),
        timeout=MAX_RECOVERY_SECONDS,
    )


def answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1) as cache:
            return bool(cache.ping())
    except redis.RedisError:
        return False


def test_the_servers_of_a_killed_supervisor_come_back_without_a_new_request(
    start_user: StartUser, read_status: ReadStatus, crash: Crash, home: Path
) -> None:
    users = [start_user() for _ in range(3)]
    (url,) = {user.addresses["redis_url"] for user in users}
    kill_supervisor_and_wait(read_status, crash, url)
    assert read_status().users == 3
    # Each of the three noticed, and one of them started the only new supervisor.
    assert (home / "logs/supervisor.log").read_text("utf-8").count("started, grace") == 2


def test_servers_come_back_as_often_as_their_supervisor_is_killed(
    start_user: StartUser, read_status: ReadStatus, crash: Crash
) -> None:
    url = start_user().addresses["redis_url"]
    for _ in range(2):
        kill_supervisor_and_wait(read_status, crash, url)


def test_servers_that_are_kept_come_back_without_any_user(
    home: Path,
    start_user: StartUser,
    read_status: ReadStatus,
    crash: Crash,
) -> None:
    user = start_user()
    url = user.addresses["redis_url"]
    client.keep_servers(home)
    user.leave()
    kill_supervisor_and_wait(read_status, crash, url)
    assert read_status().kept
    assert read_status().users == 0


def test_a_killed_keeper_is_replaced_and_the_last_one_ends_with_the_servers(
    home: Path, start_user: StartUser, read_status: ReadStatus, crash: Crash
) -> None:
    url = start_user().addresses["redis_url"]
    client.keep_servers(home)
    lock = ServicePaths(home).keeper
    crash(next(iter(_holders(lock))))
    wait_until("another keeper runs", lambda: is_locked(lock))
    client.stop_servers(home)
    wait_until("the keeper has ended", lambda: not is_locked(lock))
    assert not answers(url)
    assert read_status().supervisor_pid is None


def test_stopped_servers_are_not_restarted_by_their_users(
    settings: ServerSettings,
    start_user: StartUser,
    read_status: ReadStatus,
    home: Path,
) -> None:
    url = start_user().addresses["redis_url"]
    client.stop_servers(home)
    with pytest.raises(AssertionError):
        wait_until("a server was restarted", lambda: answers(url), timeout=1)
    assert read_status().supervisor_pid is None
    # The next request starts them, and they are watched again.
    assert resolve_endpoints(settings, need={"redis"}).redis_url == url


def _holders(lock: Path) -> set[int]:
    """Return the processes that have a lock file open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == lock:
                found.add(int(link.parts[2]))
        except OSError:
            continue
    return found
