"""Servers that crash are restarted, and files or processes of a crash do not prevent a start."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from pydantic import SecretStr

from ouspark_assets.services import client, resolve_endpoints
from ouspark_assets.services.paths import ServicePaths, create_folders
from ouspark_assets.services.server_status import ServicesStatus
from ouspark_assets.settings import ServerSettings
from ouspark_assets_tests.services.conftest import User
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN
from ouspark_assets_tests.support.waiting import wait_until

ReadStatus = Callable[[], ServicesStatus]
Crash = Callable[[int], None]
HOLD_A_LOCK = """
import fcntl, os, signal, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(descriptor, fcntl.LOCK_EX)
os.write(descriptor, str(os.getpid()).encode())
print("held", flush=True)
signal.pause()
"""


def server_pid(read_status: ReadStatus, setting: str) -> int:
    pid = next(server.pid for server in read_status().servers if server.setting == setting)
    assert pid is not None
    return pid


def test_a_killed_postgres_restarts_with_every_committed_row(
    settings: ServerSettings, read_status: ReadStatus, crash: Crash
) -> None:
    dsn = resolve_endpoints(settings, need={"postgres"}).dev_dsn
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as n")
        first = server_pid(read_status, "dev_dsn")
        crash(first)
        wait_until("the server was restarted", lambda: read_status().servers[0].restarts == 1)
        assert resolve_endpoints(settings, need={"postgres"}).dev_dsn == dsn
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (1000,)
    assert server_pid(read_status, "dev_dsn") != first


def test_a_killed_cache_restarts_at_the_same_address(
    settings: ServerSettings, read_status: ReadStatus, crash: Crash
) -> None:
    url = resolve_endpoints(settings, need={"redis"}).redis_url
    crash(server_pid(read_status, "redis_url"))
    wait_until("the server was restarted", lambda: read_status().servers[2].restarts == 1)
    assert resolve_endpoints(settings, need={"redis"}).redis_url == url
    assert redis.Redis.from_url(url).ping()


def test_the_servers_of_a_killed_supervisor_end_and_the_next_request_restarts_them(
    settings: ServerSettings, read_status: ReadStatus, crash: Crash, is_alive: Callable[[int], bool]
) -> None:
    found = resolve_endpoints(settings, need={"postgres", "redis"})
    with psycopg.connect(found.prod_dsn) as connection:
        connection.execute("create table kept as select 7 as n")
    redis.Redis.from_url(found.redis_url).set("kept", "7")
    supervisor = read_status().supervisor_pid
    servers = [server_pid(read_status, "dev_dsn"), server_pid(read_status, "redis_url")]
    assert supervisor is not None
    crash(supervisor)
    assert resolve_endpoints(settings, need={"postgres", "redis"}) == found
    assert not any(is_alive(pid) for pid in servers)
    assert read_status().supervisor_pid not in (None, supervisor)
    with psycopg.connect(found.prod_dsn) as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)
    assert redis.Redis.from_url(found.redis_url).get("kept") == b"7"


def test_after_a_supervisor_without_users_is_killed_every_server_is_reported_stopped(
    start_user: Callable[[], User],
    read_status: ReadStatus,
    crash: Crash,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUSPARK_SERVICES_GRACE", "60")
    user = start_user()
    assert user.addresses
    supervisor = read_status().supervisor_pid
    assert supervisor is not None
    user.kill()
    crash(supervisor)
    seen = read_status()
    assert seen.supervisor_pid is None
    assert {server.state for server in seen.servers} == {"stopped"}


def test_a_server_left_by_a_dead_supervisor_is_ended_by_the_next_one(
    settings: ServerSettings, home: Path, read_status: ReadStatus
) -> None:
    lock = create_folders(home).lock("redis")
    hold = [sys.executable, "-c", HOLD_A_LOCK, str(lock)]
    with subprocess.Popen(hold, stdout=subprocess.PIPE) as leftover:
        assert leftover.stdout is not None
        assert leftover.stdout.readline() == b"held\n"
        resolve_endpoints(settings, need={"redis"})
        assert leftover.wait() == -signal.SIGTERM
    assert server_pid(read_status, "redis_url") != leftover.pid


def test_stale_files_do_not_prevent_a_start(settings: ServerSettings, home: Path) -> None:
    found = resolve_endpoints(settings, need={"postgres", "redis"})
    client.stop_servers(home)
    paths = ServicePaths(home)
    # The pid of a living process that is not a server: this one.
    (home / "services/postgres/postmaster.pid").write_text(f"{os.getpid()}\n{home}\n1\n5432\n")
    for stale in ("control.sock", "valkey.sock", ".s.PGSQL.5432"):
        with socket.socket(socket.AF_UNIX) as leftover:
            leftover.bind(str(home / "services/run" / stale))
    (home / "services/run/.s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    for lock in (paths.lock("postgres"), paths.lock("redis"), paths.supervisor, paths.gate):
        lock.write_text(str(os.getpid()))
    (paths.users / f"{os.getpid()}.stale").touch()
    paths.contact.write_text("{")
    assert resolve_endpoints(settings, need={"postgres", "redis"}) == found
    with psycopg.connect(found.dev_dsn) as connection:
        assert connection.info.dbname == "ouspark_dev"
    assert redis.Redis.from_url(found.redis_url).ping()


def test_another_port_is_chosen_when_the_last_one_is_taken(
    settings: ServerSettings, home: Path
) -> None:
    first = resolve_endpoints(settings, need={"redis"}).redis_url
    client.stop_servers(home)
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(first.rpartition(":")[2].partition("/")[0])))
        other.listen()
        second = resolve_endpoints(settings, need={"redis"}).redis_url
        assert redis.Redis.from_url(second).ping()
    assert second != first


def test_a_damaged_file_of_ports_is_ignored(settings: ServerSettings, home: Path) -> None:
    create_folders(home).data("ports.json").write_text('{"redis": 99999999, "site": "x"}')
    assert redis.Redis.from_url(resolve_endpoints(settings, need={"redis"}).redis_url).ping()


def test_the_cache_is_saved_when_it_stops_and_loaded_when_it_starts(
    settings: ServerSettings, home: Path
) -> None:
    url = resolve_endpoints(settings, need={"redis"}).redis_url
    redis.Redis.from_url(url).mset({f"key:{number}": "x" * 100 for number in range(1000)})
    client.stop_servers(home)
    assert (
        redis.Redis.from_url(resolve_endpoints(settings, need={"redis"}).redis_url).dbsize() == 1000
    )


def test_a_cache_that_is_killed_loses_nothing(
    settings: ServerSettings, read_status: ReadStatus, crash: Crash
) -> None:
    url = resolve_endpoints(settings, need={"redis"}).redis_url
    with redis.Redis.from_url(url) as cache:
        cache.mset({f"key:{number}": "x" * 100 for number in range(1000)})
    crash(server_pid(read_status, "redis_url"))
    wait_until("the server was restarted", lambda: read_status().servers[2].restarts == 1)
    resolve_endpoints(settings, need={"redis"})
    with redis.Redis.from_url(url) as cache:
        assert cache.dbsize() == 1000


def test_a_snapshot_of_an_earlier_version_is_loaded_and_replaced(
    settings: ServerSettings, home: Path
) -> None:
    url = resolve_endpoints(settings, need={"redis"}).redis_url
    with redis.Redis.from_url(url) as cache:
        cache.set("kept", "7")
        cache.save()
    client.stop_servers(home)
    shutil.rmtree(home / "services/valkey/appendonlydir")
    for _ in range(2):
        url = resolve_endpoints(settings, need={"redis"}).redis_url
        with redis.Redis.from_url(url) as cache:
            assert cache.get("kept") == b"7"
        client.stop_servers(home)
    assert not (home / "services/valkey/dump.rdb").exists()


@pytest.mark.parametrize(("saved", "served"), [("1-a-1", None), ("2-b-1", b"2-b-1")])
def test_a_restored_cache_is_served_only_if_readers_were_shown_nothing_newer(
    settings: ServerSettings, home: Path, saved: str, served: bytes | None
) -> None:
    found = resolve_endpoints(settings, need={"postgres", "redis"})
    with psycopg.connect(found.prod_dsn) as production:
        production.execute("CREATE SCHEMA ops")
        production.execute("CREATE TABLE ops.publications (number bigint, generation text)")
        production.execute("INSERT INTO ops.publications VALUES (1, '1-a-1'), (2, '2-b-1')")
    with redis.Redis.from_url(found.redis_url) as cache:
        cache.mset({"ouspark:current": saved, "other": "kept"})
    client.stop_servers(home)
    # The cache alone is requested; the comparison starts PostgreSQL as well.
    url = resolve_endpoints(settings, need={"redis"}).redis_url
    with redis.Redis.from_url(url) as cache:
        assert cache.get("ouspark:current") == served
        assert cache.get("other") == b"kept"


def test_a_cache_is_served_while_its_production_database_is_down(
    settings: ServerSettings, home: Path
) -> None:
    down = settings.model_copy(update={"prod_dsn": SecretStr(UNREACHABLE_DSN)})
    url = resolve_endpoints(down, need={"redis"}).redis_url
    with redis.Redis.from_url(url) as cache:
        cache.set("ouspark:current", "1-a-1")
    client.stop_servers(home)
    resolve_endpoints(down, need={"redis"})
    with redis.Redis.from_url(url) as cache:
        assert cache.get("ouspark:current") == b"1-a-1"
    assert "could not be compared" in (home / "logs/supervisor.log").read_text("utf-8")


def test_the_servers_of_a_deleted_home_end(
    settings: ServerSettings,
    home: Path,
    read_status: ReadStatus,
    is_alive: Callable[[int], bool],
) -> None:
    resolve_endpoints(settings, need={"redis"})
    pids = [read_status().supervisor_pid, server_pid(read_status, "redis_url")]
    shutil.rmtree(home)
    wait_until("all processes have ended", lambda: not any(is_alive(pid) for pid in pids if pid))
    again = resolve_endpoints(settings, need={"redis"})
    assert redis.Redis.from_url(again.redis_url).ping()
    assert read_status().users == 1


def test_an_interrupted_initialisation_is_repeated(settings: ServerSettings, home: Path) -> None:
    incomplete = create_folders(home).data("postgres.new")
    incomplete.mkdir()
    (incomplete / "PG_VERSION").write_text("18\n")
    with psycopg.connect(resolve_endpoints(settings, need={"postgres"}).dev_dsn) as connection:
        assert connection.info.dbname == "ouspark_dev"
    assert not incomplete.exists()
