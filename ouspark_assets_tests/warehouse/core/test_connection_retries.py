"""Connecting again: to a server that recovers, is full or is down, and never after a refusal."""

import os
import signal
import threading
import time
from contextlib import ExitStack, suppress

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.services import Endpoints
from ouspark_assets.warehouse.core.connection import (
    ConnectionLostError,
    Side,
    connected,
    fetch_value,
)
from ouspark_assets.warehouse.core.connection_retries import (
    MAX_PAUSE,
    is_temporary,
    retry_connecting,
)
from ouspark_assets_tests.edges.limits import time_limit
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN

WAIT = 30


def kill_backend(dsn: str) -> None:
    """Kill one backend, whereupon the server closes all connections and recovers."""
    with suppress(psycopg.OperationalError), psycopg.connect(dsn) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        connection.execute("SELECT pg_sleep(10)")


def use_up_connections(dsn: str, stack: ExitStack) -> None:
    """Open connections until the server has none left."""
    with suppress(psycopg.OperationalError):
        while True:
            stack.enter_context(psycopg.connect(dsn))


def wait_for_refusal(dsn: str) -> str:
    """Connect until the server refuses to; return its message."""
    with time_limit():
        while True:
            try:
                psycopg.connect(dsn).close()
            except psycopg.OperationalError as error:
                return str(error)


def test_a_server_that_recovers_from_a_crashed_backend_is_waited_for(
    private_postgres: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    kill_backend(private_postgres.dev_dsn)
    refused = wait_for_refusal(private_postgres.dev_dsn)
    assert is_temporary(psycopg.OperationalError(refused)), refused
    with connected(private_postgres.dev_dsn, Side.DEVELOPMENT, wait=WAIT) as connection:
        assert fetch_value(connection, "SELECT 1") == 1


def test_a_connection_is_waited_for_while_all_of_them_are_in_use(
    private_postgres: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    dsn = private_postgres.prod_dsn
    with ExitStack() as stack:
        use_up_connections(dsn, stack)
        with (
            pytest.raises(WarehouseError, match="too many clients"),
            connected(dsn, Side.PRODUCTION),
        ):
            pass
        threading.Timer(0.3, stack.pop_all().close).start()
        with connected(dsn, Side.PRODUCTION, wait=WAIT) as connection:
            assert fetch_value(connection, "SELECT 1") == 1
    (warning,) = caplog.messages
    assert warning.startswith("The production database is not ready: ")
    assert warning.endswith("too many clients already. Trying for 30 s.")


@pytest.mark.parametrize("wrong", [{"dbname": "missing"}, {"user": "nobody_of_this_name"}])
def test_a_wrong_database_or_role_is_refused_at_once(
    private_postgres: Endpoints, wrong: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    dsn = make_conninfo(private_postgres.dev_dsn, **wrong)
    with (
        time_limit(10),
        pytest.raises(WarehouseError, match="does not exist"),
        connected(dsn, Side.DEVELOPMENT, wait=1000),
    ):
        pass
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("FATAL:  the database system is in recovery mode", True),
        ("FATAL:  the database system is starting up", True),
        ("FATAL:  the database system is not yet accepting connections", True),
        ("FATAL:  sorry, too many clients already", True),
        ('FATAL:  too many connections for role "ouspark_publisher"', True),
        ("FATAL:  terminating connection due to administrator command", True),
        ("connection failed: Connection refused\n\tIs the server running on that host", True),
        ("server closed the connection unexpectedly", True),
        ('FATAL:  password authentication failed for user "x"', False),
        ('FATAL:  database "x" does not exist', False),
        ("FATAL:  no pg_hba.conf entry for host", False),
        ('FATAL:  role "x" is not permitted to log in', False),
        ("could not translate host name: Name or service not known", False),
        ("Connection refused\nFATAL:  password authentication failed", False),
        ('error: root certificate file "x" does not exist', False),
    ],
)
def test_only_failures_that_pass_by_themselves_are_temporary(message: str, expected: bool) -> None:
    assert is_temporary(psycopg.OperationalError(message)) is expected


def test_attempts_slow_down_and_end_with_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    attempts = 0
    monkeypatch.setattr(time, "monotonic", lambda: sum(pauses))
    monkeypatch.setattr(time, "sleep", pauses.append)

    def refuse() -> None:
        nonlocal attempts
        attempts += 1
        message = "the database system is in recovery mode"
        raise psycopg.OperationalError(message)

    noticed: list[psycopg.Error] = []
    with pytest.raises(psycopg.OperationalError, match="recovery"):
        retry_connecting(refuse, 30, noticed.append)
    assert 30 - MAX_PAUSE <= sum(pauses) <= 30
    assert attempts == len(pauses) + 1 >= 15
    assert pauses[0] <= 0.1
    assert max(pauses) <= MAX_PAUSE
    assert len(noticed) == 1


def test_without_a_budget_there_is_one_attempt(caplog: pytest.LogCaptureFixture) -> None:
    started = time.monotonic()
    with (
        pytest.raises(WarehouseError, match="refused"),
        connected(UNREACHABLE_DSN, Side.PRODUCTION),
    ):
        pass
    assert time.monotonic() - started < 5
    assert caplog.messages == []


def test_a_lost_connection_is_an_error_of_its_own_and_no_statement_is_repeated(
    private_postgres: Endpoints,
) -> None:
    dsn = private_postgres.dev_dsn
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS counted (n int)")
        connection.execute("TRUNCATE counted")

    def work() -> None:
        with connected(dsn, Side.DEVELOPMENT, wait=WAIT) as connection:
            connection.execute("INSERT INTO counted VALUES (1)")
            with connection.transaction():
                connection.execute("INSERT INTO counted VALUES (2)")
                os.kill(connection.info.backend_pid, signal.SIGKILL)
                connection.execute("SELECT pg_sleep(10)")

    with pytest.raises(ConnectionLostError, match="closed the connection"):
        work()
    with connected(dsn, Side.DEVELOPMENT, wait=WAIT) as connection:
        assert connection.execute("SELECT n FROM counted").fetchall() == [(1,)]
