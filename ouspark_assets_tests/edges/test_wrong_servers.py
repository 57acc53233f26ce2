"""Unusable databases and caches raise a one-line error in time, without a secret."""

import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import redis
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.domain.errors import CacheError, ServiceError, WarehouseError
from ouspark_assets.services import Endpoints, resolve_endpoints
from ouspark_assets.settings import ServerSettings
from ouspark_assets.warehouse.core.connection import Side, connected
from ouspark_assets.warehouse.core.migrate import migrate
from ouspark_assets_tests.edges.limits import time_limit
from ouspark_assets_tests.edges.raw_site import Talk, by_lines, listening, reply_with, silent_after

SECRET = "hunter2"  # noqa: S105
HTTP = b"HTTP/1.1 400 Bad ScrapeRequest\r\nContent-Length: 0\r\n\r\n"
BANNER = b"SSH-2.0-OpenSSH_9.6\r\n"
WRONG_PASSWORD = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "me"\0\0'


def migration_refused(dsn: str, side: Side = Side.DEVELOPMENT) -> str:
    with time_limit(), pytest.raises(WarehouseError) as error:
        migrate(dsn, side)
    return require_one_line(error.value)


def cache_refused(url: str, ask: Callable[[redis.Redis], object] = redis.Redis.ping) -> str:
    def asked() -> None:
        with connect_cache(url) as client:
            ask(client)

    with time_limit(), pytest.raises(CacheError) as error:
        asked()
    return require_one_line(error.value)


def require_one_line(error: Exception) -> str:
    message = str(error)
    assert message.isprintable()
    assert "OUSPARK_" in message
    assert SECRET not in message
    return message


def turning_down_tls(afterwards: Talk) -> Talk:
    """A server that declines TLS as PostgreSQL does, then talks like this."""

    def talk(client: socket.socket) -> None:
        client.recv(8)
        client.sendall(b"N")
        client.recv(4096)
        afterwards(client)

    return talk


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://me:{SECRET}%zz@127.0.0.1/db",
        f" postgresql://me:{SECRET}@127.0.0.1/db",
        f"postgresql://me:{SECRET} x@127.0.0.1/db",
        f"postgresql://me:{SECRET}@127.0.0.1:99999/db",
        f"postgresql://me@127.0.0.1/db?{SECRET}=1",
        f"postgresql://me@127.0.0.1/db?connect_timeout={SECRET}",
    ],
    ids=["bad escape", "blank before", "blank inside", "port", "parameter", "timeout"],
)
def test_a_malformed_address_never_appears_in_the_error(address: str) -> None:
    assert "OUSPARK_DEV_DSN is not a valid PostgreSQL URL" in migration_refused(address)


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (reply_with(b""), "can't be reached"),
        (reply_with(HTTP), "can't be reached"),
        (reply_with(BANNER), "can't be reached"),
        (reply_with(b"-ERR unknown command\r\n"), "can't be reached"),
        (silent_after(b""), "timeout expired"),
        (turning_down_tls(reply_with(HTTP)), "can't be reached"),
        (turning_down_tls(silent_after(b"")), "timeout expired"),
        (
            turning_down_tls(
                reply_with(b"E" + (len(WRONG_PASSWORD) + 4).to_bytes(4, "big") + WRONG_PASSWORD)
            ),
            "password authentication failed",
        ),
    ],
    ids=[
        "one that hangs up",
        "a web server",
        "a secure shell",
        "a cache",
        "one that never answers",
        "a web server without TLS",
        "one that never asks for a password",
        "one that knows another password",
    ],
)
def test_a_server_that_is_not_a_database_raises_a_one_line_error(talk: Talk, expected: str) -> None:
    with listening(talk) as port:
        address = f"postgresql://me:{SECRET}@127.0.0.1:{port}/db?connect_timeout=2"
        assert expected in migration_refused(address)


def test_a_closed_port_raises_a_one_line_error() -> None:
    assert "refused" in migration_refused(f"postgresql://me:{SECRET}@127.0.0.1:1/db")


@pytest.fixture
def empty(servers: Endpoints) -> Iterator[str]:
    """The address of an empty database."""
    name = f"edge_{uuid.uuid4().hex[:12]}"
    with closing(psycopg.connect(servers.dev_dsn, autocommit=True)) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield servers.dev_dsn.replace("/ouspark_dev", f"/{name}")
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def weak(servers: Endpoints) -> Iterator[Callable[[str], str]]:
    """The same database for a role without any rights."""
    name = f"weak_{uuid.uuid4().hex[:12]}"

    def of(dsn: str) -> str:
        parts = conninfo_to_dict(dsn)
        host = quote(str(parts["host"]), safe="")
        return f"postgresql://{name}:{SECRET}@/{parts['dbname']}?host={host}&port={parts['port']}"

    with closing(psycopg.connect(servers.dev_dsn, autocommit=True)) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield of
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_missing_database_raises_a_one_line_error(servers: Endpoints) -> None:
    absent = servers.prod_dsn.replace("/ouspark_prod", "/nowhere")
    assert '"nowhere" does not exist' in migration_refused(absent, Side.PRODUCTION)


def test_the_error_for_a_role_that_cannot_create_tables_says_what_it_needs(
    empty: str, weak: Callable[[str], str]
) -> None:
    assert "right to create and write tables" in migration_refused(weak(empty))


def test_the_error_for_a_role_without_rights_says_what_it_needs(
    development_dsn: str, weak: Callable[[str], str]
) -> None:
    assert "permission denied for schema ops" in migration_refused(weak(development_dsn))


def test_a_read_only_database_raises_a_one_line_error(empty: str) -> None:
    read_only = f"{empty}&options=-c%20default_transaction_read_only%3Don"
    assert "in a read-only transaction" in migration_refused(read_only)


def test_a_missing_right_during_the_work_raises_a_one_line_error(
    development_dsn: str, weak: Callable[[str], str]
) -> None:
    def read() -> None:
        with connected(weak(development_dsn), Side.DEVELOPMENT) as connection:
            connection.execute("SELECT FROM clean.students")

    with pytest.raises(WarehouseError, match="permission denied for schema clean"):
        read()


def test_a_lost_connection_raises_a_one_line_error(development_dsn: str) -> None:
    def lose() -> None:
        with connected(development_dsn, Side.DEVELOPMENT) as connection:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(WarehouseError, match=r"closed the connection: .* Run again"):
        lose()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (
            "UPDATE ops.migrations SET version_num = '9999'",
            "migrated by a newer version of OuSpark",
        ),
        ("UPDATE ops.migrations SET version_num = '0001'", "Nothing was changed"),
        ("UPDATE ops.migrations SET version_num = '0000'", "Nothing was changed"),
        ("DELETE FROM ops.migrations", "Nothing was changed"),
        ("DROP TABLE ops.migrations", "Nothing was changed"),
    ],
    ids=["newer", "older than its tables", "unknown", "empty", "missing"],
)
def test_an_unexpected_migration_state_raises_a_one_line_error(
    development_dsn: str, spoil: str, expected: str
) -> None:
    with psycopg.connect(development_dsn, autocommit=True) as connection:
        connection.execute(spoil.encode())
    assert expected in migration_refused(development_dsn)


def test_one_database_for_both_sides_is_refused_in_either_order(
    development_dsn: str, production_dsn: str
) -> None:
    for dsn, other in ((development_dsn, Side.PRODUCTION), (production_dsn, Side.DEVELOPMENT)):
        assert "a database of its own" in migration_refused(dsn, other)


def refusing(error: str) -> Talk:
    """A cache that answers PING and refuses every other command."""

    def answer(asked: bytes) -> bytes:
        if b"PING" in asked:
            return b"+PONG\r\n"
        return b"+OK\r\n" * asked.count(b"CLIENT") or f"-{error}\r\n".encode()

    return by_lines(answer)


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (reply_with(b""), "can't be reached"),
        (reply_with(HTTP), "can't be reached"),
        (reply_with(BANNER), "can't be reached"),
        (silent_after(b""), "Timeout"),
        (silent_after(b"$1000000000000\r\nx"), "Timeout"),
        (refusing("READONLY You can't write against a read only replica."), "accepts writes"),
        (refusing("OOM command not allowed when used memory > 'maxmemory'."), "memory left"),
        (
            refusing("NOPERM User me has no permissions to run the 'set' command"),
            "necessary permissions",
        ),
        (refusing("LOADING the dataset in memory"), "can't be reached"),
        (
            by_lines(lambda _: b"-WRONGPASS invalid username-password pair\r\n"),
            "invalid username-password pair",
        ),
        (by_lines(lambda _: b"-NOAUTH Authentication required.\r\n"), "Authentication required"),
    ],
    ids=[
        "one that hangs up",
        "a web server",
        "a secure shell",
        "one that never answers",
        "one that promises an answer of a terabyte",
        "a replica",
        "one without memory",
        "one where we may do nothing",
        "one that is starting",
        "one that knows another password",
        "one that wants a password",
    ],
)
def test_a_server_that_is_not_a_usable_cache_raises_a_one_line_error(
    talk: Talk, expected: str
) -> None:
    with listening(talk) as port:
        url = f"redis://me:{SECRET}@127.0.0.1:{port}/0?socket_timeout=1"
        message = cache_refused(url, lambda client: client.set("key", "value"))
    assert expected.casefold() in message.casefold()


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}@127.0.0.1:1/0",
        f"rediss://:{SECRET}@127.0.0.1:1/0",
        f"unix:///nowhere/at/all?password={SECRET}",
        f"redis://:{SECRET}@127.0.0.1:1/0?nonsense=1",
        f"redis://:{SECRET}@127.0.0.1:1/0?socket_timeout=soon",
    ],
)
def test_an_address_without_a_cache_raises_a_one_line_error(url: str) -> None:
    cache_refused(url)


def test_an_unknown_cache_database_number_raises_a_one_line_error(servers: Endpoints) -> None:
    assert "out of range" in cache_refused(servers.redis_url.removesuffix("/0") + "/4000")


def test_a_cache_user_with_too_few_rights_raises_a_one_line_error(servers: Endpoints) -> None:
    name = f"weak-{uuid.uuid4().hex[:12]}"
    parts = urlsplit(servers.redis_url)
    with redis.Redis.from_url(servers.redis_url) as admin:
        admin.execute_command("ACL", "SETUSER", name, "reset", "on", f">{SECRET}", "+ping")
        url = f"redis://{name}:{SECRET}@{parts.hostname}:{parts.port}/0"
        assert "a user with the necessary permissions" in cache_refused(
            url, lambda client: client.set("key", "value")
        )
        assert "a user with the necessary permissions" in cache_refused(
            url, lambda client: client.get("key")
        )
        admin.execute_command("ACL", "DELUSER", name)


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_home_that_is_not_a_folder_raises_a_one_line_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match="set OUSPARK_HOME to another folder") as error:
        resolve_endpoints(ServerSettings(home=tmp_path / place), need={"redis"})
    assert require_one_line(error.value)
