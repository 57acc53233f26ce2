"""A start that cannot work raises an error of one line that says what to do."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
import redis

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import client, resolve_endpoints
from ouspark_assets.services.child_process import exit_error
from ouspark_assets.services.paths import ServicePaths, create_folders, create_socket_folder
from ouspark_assets.settings import ServerSettings

# Root may write anywhere, so it gives up that capability first.
WITHOUT_PRIVILEGE = """
import ctypes, os
if os.geteuid() == 0:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0
"""
# A small file system if we may mount one, else a limit on the size of files.
WITHOUT_SPACE = """
import ctypes, os, resource
libc = ctypes.CDLL(None)
os.makedirs(os.environ["OUSPARK_HOME"], 0o700)
private = getattr(libc, "unshare", lambda flags: -1)(0x00020000) == 0
mounted = (
    private
    and libc.mount(b"none", b"/", None, 0x44000, None) == 0
    and libc.mount(b"none", os.environ["OUSPARK_HOME"].encode(), b"tmpfs", 0, b"size=%d") == 0
)
if not mounted:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""
REQUEST = """
import sys
from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import resolve_endpoints
from ouspark_assets.settings import load_settings
try:
    resolve_endpoints(load_settings().servers, need={"postgres"})
except ServiceError as error:
    print(error)
"""


def startup_error(home: Path, circumstances: str) -> str:
    """Return the error that a separate process prints."""
    done = subprocess.run(
        [sys.executable, "-c", circumstances + REQUEST],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=os.environ | {"OUSPARK_HOME": str(home)},
    )
    assert len(done.stdout.splitlines()) == 1
    return done.stdout


def test_the_error_for_a_read_only_folder_names_it_and_the_setting(home: Path) -> None:
    home.parent.chmod(0o500)
    message = startup_error(home, WITHOUT_PRIVILEGE)
    home.parent.chmod(0o700)
    assert str(home) in message
    assert "Permission denied" in message
    assert "OUSPARK_HOME" in message


@pytest.mark.parametrize("free_bytes", [20 * 1024 * 1024, 4 * 1024 * 1024, 16 * 1024])
def test_the_error_for_a_full_disk_says_so(home: Path, free_bytes: int) -> None:
    message = startup_error(home, WITHOUT_SPACE % free_bytes)
    assert any(
        word in message for word in ("No space left", "disk of its log is full", "too large")
    )
    assert str(home) in message


def test_a_full_disk_is_named_even_if_the_last_lines_of_the_log_are_about_something_else(
    tmp_path: Path,
) -> None:
    log = create_folders(tmp_path / "home").log("postgres")
    log.write_text(
        "an earlier start: No space left on device\n"
        'PANIC:  could not write to file "pg_wal/xlogtemp.56": No space left on device\n'
        "Aborted\nchild process exited with exit code 134\ninitdb: removing contents\n"
    )
    error = str(exit_error("Initialising PostgreSQL", 1, log, offset=42))
    assert f"because the disk of {tmp_path / 'home'} is full" in error
    assert 'First error: PANIC:  could not write to file "pg_wal/xlogtemp.56"' in error


def test_a_home_inside_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match=r"Not a directory.*OUSPARK_HOME"):
        resolve_endpoints(ServerSettings(home=tmp_path / "file/home"), need={"redis"})


def test_data_of_another_version_of_postgres_are_not_touched(
    settings: ServerSettings, home: Path
) -> None:
    data = create_folders(home).data("postgres")
    data.mkdir()
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServiceError, match=r"data of PostgreSQL 16, but \d+ is installed. Move"):
        resolve_endpoints(settings, need={"postgres"})
    assert sorted(path.name for path in data.iterdir()) == ["PG_VERSION"]


def test_a_failed_start_quotes_the_log_and_works_again_after_a_repair(
    settings: ServerSettings, home: Path
) -> None:
    resolve_endpoints(settings, need={"postgres"})
    client.stop_servers(home)
    configuration = home / "services/postgres/postgresql.conf"
    valid = configuration.read_text("utf-8")
    configuration.write_text(valid + "\nnonsense\n", "utf-8")
    with pytest.raises(
        ServiceError, match=r"PostgreSQL ended with exit code 1: .*syntax error in file"
    ) as message:
        resolve_endpoints(settings, need={"postgres"})
    assert "\n" not in str(message.value)
    configuration.write_text(valid, "utf-8")
    with psycopg.connect(resolve_endpoints(settings, need={"postgres"}).dev_dsn) as connection:
        assert connection.info.dbname == "ouspark_dev"


def test_a_home_whose_path_is_too_long_for_a_socket_works(home: Path) -> None:
    unwieldy = home.parent / f"größer, and with a comma {'x' * 120}" / "home"
    found = resolve_endpoints(ServerSettings(home=unwieldy), need={"postgres", "redis"})
    try:
        with psycopg.connect(found.prod_dsn) as connection:
            assert connection.info.dbname == "ouspark_prod"
        assert redis.Redis.from_url(found.redis_url).ping()
        sockets = Path(found.dev_dsn.partition("host=")[2].partition("&")[0])
        assert sockets.stat().st_mode & 0o777 == 0o700
    finally:
        client.stop_servers(unwieldy)
    assert not sockets.exists()


def test_a_socket_folder_created_by_another_user_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(home.parent))
    paths = ServicePaths(Path("/nowhere", "x" * 120))
    folder = create_socket_folder(paths)
    assert folder.parent == home.parent
    folder.rmdir()
    folder.symlink_to(home.parent)
    with pytest.raises(ServiceError, match=r"is not a folder. Remove it"):
        create_socket_folder(paths)


def test_on_windows_the_error_names_the_required_settings(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ServiceError, match=r"OUSPARK_DEV_DSN, OUSPARK_PROD_DSN, OUSPARK_REDIS_URL"):
        resolve_endpoints(settings, need={"postgres", "redis"})
