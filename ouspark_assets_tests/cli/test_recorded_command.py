"""Commands that work outside any run of Dagster are recorded as stages."""

import pytest

from ouspark_assets.cli.recorded_command import recorded_command
from ouspark_assets.domain.errors import CacheError
from ouspark_assets.warehouse.core.connection import Connection


def rows(development: Connection) -> list[tuple[object, ...]]:
    return development.execute(
        "SELECT run_id, asset, outcome, rows_written, error FROM ops.stage_runs ORDER BY id"
    ).fetchall()


@pytest.fixture(autouse=True)
def settings(development_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", development_dsn)
    monkeypatch.setenv("OUSPARK_PROD_DSN", development_dsn)


def fails() -> None:
    with recorded_command("cache.generation"):
        message = "the cache is away"
        raise CacheError(message)


def test_each_command_is_a_run_of_its_own(development: Connection) -> None:
    for _ in range(2):
        with recorded_command("cache.generation") as record:
            record.rows_written = 7
    (first, *one), (second, *other) = rows(development)
    assert one == other == ["cache.generation", "succeeded", 7, None]
    assert first != second


def test_a_failure_is_recorded_and_raised(development: Connection) -> None:
    with pytest.raises(CacheError):
        fails()
    ((_, *row),) = rows(development)
    assert row == ["cache.generation", "failed", None, "CacheError: the cache is away"]


def test_the_record_of_a_killed_command_is_closed_by_the_next_command(
    development: Connection,
) -> None:
    development.execute(
        "INSERT INTO ops.stage_runs (run_id, asset, backend) VALUES ('cli 0', 'x', 0)"
    )
    with recorded_command("cache.generation"):
        pass
    assert [row[2] for row in rows(development)] == ["failed", "succeeded"]


def test_without_development_the_command_works_and_warns_that_it_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", "postgresql://me:hidden-word@127.0.0.1:1/none")
    with recorded_command("production.publication") as record:
        record.rows_changed = 1
    warning = capsys.readouterr().err
    assert "not recorded in the history" in warning
    assert "hidden-word" not in warning
