"""Processes share the servers, which end soon after their last user."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
import redis

from ouspark_assets.services import client, resolve_endpoints
from ouspark_assets.services.server_status import ServicesStatus
from ouspark_assets.settings import ServerSettings
from ouspark_assets_tests.support.waiting import wait_until

ReadStatus = Callable[[], ServicesStatus]


class User(Protocol):
    """Another process that uses the servers."""

    @property
    def addresses(self) -> dict[str, str]: ...
    def leave(self) -> None: ...
    def kill(self) -> None: ...


StartUser = Callable[[], User]
START_AND_END = """
from ouspark_assets.services import resolve_endpoints
from ouspark_assets.settings import load_settings
print(resolve_endpoints(load_settings().servers, need={"redis"}).redis_url)
"""
EXECUTE = """
import sys
from ouspark_assets.services import exec_with_services
from ouspark_assets.settings import load_settings
exec_with_services(load_settings().servers, sys.argv[1:], need={"redis"})
"""


def server_pid(read_status: ReadStatus, setting: str = "redis_url") -> int | None:
    return next(server.pid for server in read_status().servers if server.setting == setting)


def test_eight_processes_that_start_together_share_one_supervisor(
    start_user: StartUser, read_status: ReadStatus, home: Path
) -> None:
    users = [start_user() for _ in range(8)]
    urls = {user.addresses["redis_url"] for user in users}
    assert len(urls) == 1
    assert read_status().users == 8
    log = (home / "logs/supervisor.log").read_text("utf-8")
    assert log.count("started, grace") == 1


def test_servers_keep_running_when_the_process_that_started_them_is_killed(
    start_user: StartUser, read_status: ReadStatus
) -> None:
    starter = start_user()
    url = starter.addresses["redis_url"]
    other = start_user()
    assert other.addresses["redis_url"] == url
    pid = server_pid(read_status)
    starter.kill()
    wait_until("the number of users is 1", lambda: read_status().users == 1)
    # Twice the grace period: a supervisor that counted wrongly would have stopped.
    uptime = read_status().servers[2].uptime_seconds or 0
    wait_until(
        "the server has run on",
        lambda: (read_status().servers[2].uptime_seconds or 0) > uptime + 0.8,
    )
    assert server_pid(read_status) == pid
    assert redis.Redis.from_url(url).ping()


@pytest.mark.parametrize("ending", ["leave", "kill"])
def test_servers_end_soon_after_the_last_user(
    start_user: StartUser,
    read_status: ReadStatus,
    is_alive: Callable[[int], bool],
    ending: str,
) -> None:
    user = start_user()
    assert user.addresses["redis_url"]
    pids = [read_status().supervisor_pid, server_pid(read_status)]
    getattr(user, ending)()
    wait_until("all processes have ended", lambda: not any(is_alive(pid) for pid in pids if pid))
    assert read_status().supervisor_pid is None
    assert None not in pids


def test_kept_servers_run_without_users_until_they_are_stopped(
    start_user: StartUser, read_status: ReadStatus, home: Path
) -> None:
    user = start_user()
    url = user.addresses["redis_url"]
    client.keep_servers(home)
    supervisor = read_status().supervisor_pid
    user.leave()
    wait_until("the number of users is 0", lambda: read_status().users == 0)
    left_at = time.monotonic()
    # Several times the seconds that servers run without users.
    wait_until("two seconds have passed", lambda: time.monotonic() - left_at > 2)
    assert (read_status().servers[2].uptime_seconds or 0) > 2
    # Not stopped and started again by a keeper.
    assert read_status().supervisor_pid == supervisor
    assert redis.Redis.from_url(url).ping()
    assert read_status().kept
    client.stop_servers(home)
    assert read_status().supervisor_pid is None
    assert not read_status().kept


def test_stopping_returns_the_number_of_remaining_users(
    start_user: StartUser, read_status: ReadStatus, home: Path
) -> None:
    assert all(user.addresses["redis_url"] for user in (start_user(), start_user()))
    answer = client.stop_servers(home)
    assert answer is not None
    assert answer.users == 2
    assert read_status().supervisor_pid is None
    assert client.stop_servers(home) is None


def test_the_next_request_restarts_stopped_servers(settings: ServerSettings, home: Path) -> None:
    first = resolve_endpoints(settings, need={"redis"})
    redis.Redis.from_url(first.redis_url).set("kept", "over a stop")
    client.stop_servers(home)
    second = resolve_endpoints(settings, need={"redis"})
    assert second == first
    assert redis.Redis.from_url(second.redis_url).get("kept") == b"over a stop"


def test_the_servers_hold_no_pipe_of_the_process_that_started_them(
    home: Path, read_status: ReadStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_SERVICES_GRACE", "60")
    # Capturing ends when every holder of the pipe has ended, so a leak causes a timeout.
    done = subprocess.run(
        [sys.executable, "-c", START_AND_END],
        capture_output=True,
        timeout=30,
        check=True,
        env=os.environ | {"OUSPARK_HOME": str(home)},
    )
    seen = read_status()
    assert seen.servers[2].address == done.stdout.decode().strip()
    assert seen.users == 0
    assert seen.supervisor_pid is not None
    assert os.getsid(seen.supervisor_pid) == seen.supervisor_pid != os.getsid(0)


def test_an_executed_program_counts_as_a_user_until_it_ends(
    home: Path, read_status: ReadStatus
) -> None:
    program = "import sys; print('here', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", EXECUTE, sys.executable, "-c", program]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OUSPARK_HOME": str(home)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        wait_until(
            "the server has run on", lambda: (read_status().servers[2].uptime_seconds or 0) > 1.0
        )
        assert read_status().users == 1
        process.communicate()
    wait_until("the supervisor has ended", lambda: read_status().supervisor_pid is None)


def test_a_forked_child_counts_as_a_user_of_its_own(
    settings: ServerSettings, read_status: ReadStatus
) -> None:
    resolve_endpoints(settings, need={"redis"})
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        answer = resolve_endpoints(settings, need={"redis"}).redis_url
        os.write(writer, f"{read_status().users} {answer}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        users, url = pipe.read().split()
    os.waitpid(child, 0)
    assert users == "2"
    assert url == resolve_endpoints(settings, need={"redis"}).redis_url


def test_new_users_never_get_servers_that_are_stopping(
    start_user: StartUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_SERVICES_GRACE", "0")
    for _ in range(6):
        user = start_user()
        assert redis.Redis.from_url(user.addresses["redis_url"]).ping()
        user.leave()
