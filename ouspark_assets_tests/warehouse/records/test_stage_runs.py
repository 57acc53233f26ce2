"""Stage runs are recorded with their outcome, and those of killed processes are closed."""

import logging
from collections.abc import Callable

import psycopg
import pytest

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.records.stage_runs import (
    close_command_stages,
    close_stage_runs,
    record_stage,
    running_stages,
    unfinished_runs,
)

TICKET = "160421733001"


def rows(connection: Connection, columns: str) -> list[tuple[object, ...]]:
    return connection.execute(
        f"SELECT {columns} FROM ops.stage_runs ORDER BY id".encode()
    ).fetchall()


def fail_in_stage(
    connection: Connection,
    message: str,
    rows_in: int | None = None,
    before: Callable[[Connection], None] = lambda _: None,
) -> None:
    with record_stage(connection, "r", "clean.pages") as stage:
        stage.rows_in = rows_in
        before(connection)
        raise WarehouseError(message)


def kill(development: Connection, victim: Connection) -> None:
    pid = victim.info.backend_pid
    development.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_stage_is_recorded_as_running_until_it_ends(development: Connection) -> None:
    with record_stage(development, "r", "clean.pages", "20250402") as stage:
        assert rows(development, "outcome, ended") == [("running", None)]
        stage.rows_in, stage.rows_written = 10, 9
        stage.rows_changed, stage.rows_quarantined = 3, 1
    columns = "outcome, rows_in, rows_written, rows_changed, rows_quarantined, error, died"
    assert rows(development, columns) == [("succeeded", 10, 9, 3, 1, None, False)]
    assert rows(development, "ended >= started") == [(True,)]


def test_a_failed_stage_is_recorded_with_its_rows_and_its_error(development: Connection) -> None:
    with pytest.raises(WarehouseError):
        fail_in_stage(development, "no space", rows_in=4)
    assert rows(development, "outcome, rows_in, error") == [
        ("failed", 4, "WarehouseError: no space")
    ]


def test_an_interrupted_stage_is_recorded_as_failed(development: Connection) -> None:
    with pytest.raises(KeyboardInterrupt), record_stage(development, "r", "clean.pages"):
        raise KeyboardInterrupt
    assert rows(development, "outcome, error") == [("failed", "KeyboardInterrupt: ")]


def test_database_errors_are_recorded_without_the_rows_they_quote(
    development: Connection,
) -> None:
    development.execute("CREATE TABLE marks (ticket text PRIMARY KEY, name text NOT NULL)")
    with pytest.raises(psycopg.Error), record_stage(development, "r", "clean.pages"):
        development.execute("INSERT INTO marks VALUES (%s, NULL)", (TICKET,))
    ((error,),) = rows(development, "error")
    assert str(error).startswith("NotNullViolation: null value in column")
    assert "Failing row" not in str(error)


def test_errors_are_recorded_without_passwords_and_hall_tickets(development: Connection) -> None:
    with pytest.raises(WarehouseError):
        fail_in_stage(development, f"postgresql://me:hidden-word@db/x has no {TICKET}")
    ((error,),) = rows(development, "error")
    assert error == "WarehouseError: postgresql://me:***@db/x has no 160421733xxx"


def test_a_lost_database_leaves_a_running_row_and_the_error_of_the_stage_is_raised(
    development: Connection, development_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    def kill_connection(connection: Connection) -> None:
        kill(development, connection)

    with (
        caplog.at_level(logging.WARNING),
        connected(development_dsn, Side.DEVELOPMENT) as connection,
        pytest.raises(WarehouseError, match="the error of the stage"),
    ):
        fail_in_stage(connection, "the error of the stage", before=kill_connection)
    assert rows(development, "outcome, ended") == [("running", None)]
    assert "Cannot record" in caplog.text


def test_a_stage_is_running_as_long_as_its_connection_is_open(
    development: Connection, development_dsn: str
) -> None:
    with (
        connected(development_dsn, Side.DEVELOPMENT) as connection,
        record_stage(connection, "r", "clean.pages") as stage,
    ):
        assert running_stages(development) == {stage.number}
        assert unfinished_runs(development) == ["r"]
        kill(development, connection)
        assert running_stages(development) == set()
        assert unfinished_runs(development) == ["r"]


def test_an_old_row_with_a_reused_backend_pid_does_not_count_as_running(
    development: Connection, development_dsn: str
) -> None:
    with connected(development_dsn, Side.DEVELOPMENT) as connection:
        development.execute(
            "INSERT INTO ops.stage_runs (run_id, asset, started, backend) "
            "VALUES ('r', 'clean.pages', now() - interval '1 day', %s)",
            (connection.info.backend_pid,),
        )
        assert running_stages(development) == set()


def test_only_the_stages_of_dead_runs_are_closed(development: Connection) -> None:
    development.execute(
        "INSERT INTO ops.stage_runs (run_id, asset, outcome) VALUES "
        "('dead', 'a', 'succeeded'), ('dead', 'b', 'running'), ('alive', 'a', 'running')"
    )
    assert close_stage_runs(development, ["dead"], "gone") == 1
    assert close_stage_runs(development, ["dead"], "again") == 0
    assert rows(development, "run_id, outcome, died, error, ended IS NOT NULL") == [
        ("dead", "succeeded", False, None, False),
        ("dead", "failed", True, "gone", True),
        ("alive", "running", False, None, False),
    ]


def test_only_the_stages_of_killed_commands_are_closed(
    development: Connection, development_dsn: str
) -> None:
    with connected(development_dsn, Side.DEVELOPMENT) as connection:
        for run in ("cli 1", "graph"):
            connection.execute(
                "INSERT INTO ops.stage_runs (run_id, asset) VALUES (%s, 'a')", (run,)
            )
        assert close_command_stages(development, "gone") == 0
        kill(development, connection)
    assert close_command_stages(development, "gone") == 1
    assert unfinished_runs(development) == ["graph"]
