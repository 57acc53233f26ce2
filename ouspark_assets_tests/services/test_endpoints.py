"""The addresses that a process gets, and who can read or use them."""

import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.domain.addresses import mask_url
from ouspark_assets.services import NOT_REQUESTED, Endpoints, binaries, resolve_endpoints
from ouspark_assets.services.server_status import ServicesStatus
from ouspark_assets.settings import ServerSettings

CONFIGURED = {
    "dev_dsn": "postgresql://someone:hidden-1@db.invalid/dev",
    "prod_dsn": "postgresql://someone:hidden-2@db.invalid/prod",
    "redis_url": "rediss://:hidden-3@cache.invalid:6380/0",
    "site_url": "https://results.invalid",
}


def states(seen: ServicesStatus) -> dict[str, str]:
    return {server.setting: server.state for server in seen.servers}


def test_with_every_address_configured_nothing_is_started_and_no_folder_is_created(
    home: Path,
) -> None:
    found = resolve_endpoints(ServerSettings.model_validate({"home": home} | CONFIGURED))
    assert found == Endpoints(**CONFIGURED)
    assert not home.exists()


def test_with_every_address_configured_the_home_may_be_read_only() -> None:
    settings = ServerSettings.model_validate({"home": Path("/dev/null/home")} | CONFIGURED)
    assert resolve_endpoints(settings).redis_url == CONFIGURED["redis_url"]


def test_only_servers_without_an_address_are_started(
    home: Path, read_status: Callable[[], ServicesStatus]
) -> None:
    configured = {name: value for name, value in CONFIGURED.items() if name != "redis_url"}
    found = resolve_endpoints(ServerSettings.model_validate({"home": home} | configured))
    assert redis.Redis.from_url(found.redis_url).ping()
    assert found.dev_dsn == CONFIGURED["dev_dsn"]
    assert not (home / "services/postgres").exists()
    assert states(read_status())["redis_url"] == "running"


def test_one_configured_database_is_used_while_the_other_one_is_embedded(
    settings_of_module: ServerSettings,
) -> None:
    half = {"home": settings_of_module.home, "dev_dsn": CONFIGURED["dev_dsn"]}
    found = resolve_endpoints(ServerSettings.model_validate(half), need={"postgres"})
    assert found.dev_dsn == CONFIGURED["dev_dsn"]
    with psycopg.connect(found.prod_dsn) as connection:
        assert connection.info.dbname == "ouspark_prod"


def test_a_server_that_was_not_requested_is_not_started_and_has_no_usable_address(
    settings: ServerSettings, read_status: Callable[[], ServicesStatus]
) -> None:
    found = resolve_endpoints(settings, need={"redis"})
    assert found.dev_dsn == found.prod_dsn == found.site_url == NOT_REQUESTED
    assert states(read_status()) == {
        "dev_dsn": "stopped",
        "prod_dsn": "stopped",
        "redis_url": "running",
        "site_url": "stopped",
    }
    with pytest.raises(psycopg.ProgrammingError):
        psycopg.connect(found.dev_dsn)


def test_a_running_supervisor_starts_another_server_on_request(
    settings: ServerSettings, read_status: Callable[[], ServicesStatus]
) -> None:
    resolve_endpoints(settings, need={"redis"})
    before = read_status()
    found = resolve_endpoints(settings, need={"redis", "postgres"})
    after = read_status()
    with psycopg.connect(found.dev_dsn) as connection:
        assert connection.info.dbname == "ouspark_dev"
    assert before.supervisor_pid == after.supervisor_pid
    assert before.servers[2].pid == after.servers[2].pid


@pytest.mark.parametrize("database", ["dev", "prod"])
def test_psycopg_sqlalchemy_and_psql_accept_the_dsn(
    settings_of_module: ServerSettings, database: str
) -> None:
    found = resolve_endpoints(settings_of_module, need={"postgres"})
    dsn = found.dev_dsn if database == "dev" else found.prod_dsn
    expected = f"ouspark_{database}"
    with psycopg.connect(dsn) as connection:
        assert connection.info.dbname == expected
    for driver in ("psycopg", "psycopg2"):
        engine = sqlalchemy.create_engine(dsn.replace("postgresql:", f"postgresql+{driver}:"))
        with engine.connect() as session:
            assert session.scalar(sqlalchemy.text("select current_database()")) == expected
        engine.dispose()
    psql = [str(binaries.postgres_program("psql")), "-XAt", "-c", "select current_database()", dsn]
    printed = subprocess.run(psql, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == expected


def test_postgres_is_durable_speaks_utf8_and_listens_to_no_network(
    settings_of_module: ServerSettings,
) -> None:
    found = resolve_endpoints(settings_of_module, need={"postgres"})
    wanted = {
        "synchronous_commit": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "server_encoding": "UTF8",
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "100",
    }
    with psycopg.connect(found.dev_dsn) as connection:
        shown = connection.execute(
            "select name, setting from pg_settings where name = any(%s)", [list(wanted)]
        ).fetchall()
        locale = connection.execute(
            "select datlocprovider::text, datlocale from pg_database where datname = 'ouspark_dev'"
        ).fetchone()
        rules = connection.execute("select type, auth_method from pg_hba_file_rules").fetchall()
    assert dict(shown) == wanted
    assert locale == ("b", "C.UTF-8")
    assert rules == [("local", "trust")]


def test_the_cache_refuses_clients_without_the_password(settings: ServerSettings) -> None:
    found = resolve_endpoints(settings, need={"redis"})
    address, _, rest = found.redis_url.partition("@")
    assert rest.startswith("127.0.0.1:")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(f"redis://{rest}").ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(f"{address}x@{rest}").ping()


def test_the_password_is_on_no_command_line_and_in_no_log(
    settings: ServerSettings, home: Path, read_status: Callable[[], ServicesStatus]
) -> None:
    password = resolve_endpoints(settings, need={"redis"}).redis_url.split(":")[2].partition("@")[0]
    seen = read_status()
    pids = ",".join(str(pid) for pid in (seen.supervisor_pid, seen.servers[2].pid))
    processes = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", pids],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert len(processes.splitlines()) == 2
    assert len(password) > 20
    assert password not in processes
    assert all(password not in log.read_text("utf-8") for log in (home / "logs").iterdir())


def test_other_users_cannot_read_any_file_of_the_home(settings_of_module: ServerSettings) -> None:
    home = settings_of_module.home
    resolve_endpoints(settings_of_module, need={"postgres", "redis"})
    paths = [
        path for path in home.rglob("*") if not path.is_relative_to(home / "services/postgres")
    ]
    assert len(paths) > 10
    open_to_others = [path for path in (home, *paths) if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    assert open_to_others == []


def test_a_folder_with_wider_permissions_is_made_private(
    settings: ServerSettings, home: Path
) -> None:
    (home / "services").mkdir(parents=True)
    (home / "services").chmod(0o755)
    resolve_endpoints(settings, need={"redis"})
    assert stat.S_IMODE((home / "services").stat().st_mode) == 0o700


def test_concurrent_threads_get_the_same_addresses(
    settings: ServerSettings, read_status: Callable[[], ServicesStatus]
) -> None:
    answers: list[Endpoints] = []
    threads = [
        threading.Thread(target=lambda: answers.append(resolve_endpoints(settings, need={"redis"})))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert read_status().users == 1


def test_a_second_request_gives_the_same_addresses(settings: ServerSettings) -> None:
    assert resolve_endpoints(settings, need={"redis"}) == resolve_endpoints(
        settings, need={"redis"}
    )


def test_endpoints_show_no_password() -> None:
    shown = repr(Endpoints(**CONFIGURED))
    assert "hidden" not in shown
    assert "db.invalid" in shown
    assert "***" in shown


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_no_password_of_an_address_survives_masking(password: str) -> None:
    shown = mask_url(f"redis://someone:{password}@cache.invalid:6380/0")
    assert shown == "redis://someone:***@cache.invalid:6380/0"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="&@"), min_size=1))
def test_no_password_among_the_parameters_survives_masking(password: str) -> None:
    shown = mask_url(f"postgresql://someone@db.invalid/dev?password={password}&sslmode=require")
    assert shown == "postgresql://someone@db.invalid/dev?password=***&sslmode=require"


def test_masking_changes_nothing_of_an_address_without_a_password() -> None:
    for address in (
        "postgresql://postgres@/ouspark_dev?host=/a/b&port=5432",
        "http://127.0.0.1:81",
    ):
        assert mask_url(address) == address
