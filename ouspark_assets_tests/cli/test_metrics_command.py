"""`ouspark metrics` with real servers, and with servers that are unreachable or hang."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from ouspark_assets.cli import ouspark
from ouspark_assets.services import Endpoints
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.records.stage_runs import close_stage_runs, record_stage
from ouspark_assets_tests.support.pipeline import BIN, ROOT
from ouspark_assets_tests.support.stores import Databases

TIMEOUT = 120


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUSPARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))
    return tmp_path / "home"


@pytest.fixture
def settings(databases: Databases, servers: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", databases.development)
    monkeypatch.setenv("OUSPARK_PROD_DSN", databases.production)
    monkeypatch.setenv("OUSPARK_REDIS_URL", servers.redis_url)


@pytest.fixture
def silent_server() -> Iterator[int]:
    """Yield the port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def metrics(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(ouspark, ["metrics", "--timeout", "60", *arguments])


@pytest.mark.usefixtures("settings")
def test_the_recorded_history_is_printed_as_metrics(development: Connection) -> None:
    with record_stage(development, "r", "clean.pages", "20250402") as stage:
        stage.rows_in = 12
    result = metrics()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "ouspark_up 1.0" in lines
    assert 'ouspark_stage_read_rows_total{stage="clean.pages"} 12.0' in lines
    assert "ouspark_production_up 1.0" in lines
    assert "ouspark_publication_number 0.0" in lines
    assert "ouspark_failed_checks 0.0" in lines
    assert 'ouspark_releases{state="complete"} 0.0' in lines


@pytest.mark.usefixtures("settings")
def test_counters_do_not_decrease_when_a_dead_run_is_closed(development: Connection) -> None:
    def runs(outcome: str) -> str:
        name = f'ouspark_stage_runs_total{{outcome="{outcome}",stage="a"}} '
        (line,) = [each for each in metrics().stdout.splitlines() if each.startswith(name)]
        return line.removeprefix(name)

    development.execute("INSERT INTO ops.stage_runs (run_id, asset) VALUES ('dead', 'a')")
    assert (runs("died"), runs("failed")) == ("0.0", "0.0")
    close_stage_runs(development, ["dead"], "gone")
    assert (runs("died"), runs("failed")) == ("1.0", "0.0")


def test_an_unreachable_database_is_a_metric_and_not_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", "postgresql://me:hidden-word@127.0.0.1:1/none")
    result = metrics()
    assert result.exit_code == 0
    assert "ouspark_up 0.0" in result.stdout.splitlines()
    assert "can't be reached" in result.stderr
    assert "hidden-word" not in result.stderr


def test_a_hanging_database_does_not_delay_the_command(
    monkeypatch: pytest.MonkeyPatch, silent_server: int
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", f"postgresql://me@127.0.0.1:{silent_server}/none")
    result = CliRunner().invoke(ouspark, ["metrics", "--timeout", "0.5"])
    assert result.exit_code == 0
    assert "ouspark_up 0.0" in result.stdout.splitlines()
    for thread in threading.enumerate():
        if "_fill" in thread.name:
            thread.join(TIMEOUT)


def test_a_database_without_tables_is_reported_as_down_and_not_migrated(
    monkeypatch: pytest.MonkeyPatch, servers: Endpoints
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", servers.dev_dsn)
    assert "ouspark_up 0.0" in metrics().stdout.splitlines()


def test_no_server_is_started(home: Path) -> None:
    assert "ouspark_up 0.0" in metrics().stdout.splitlines()
    assert not home.exists()


@pytest.mark.usefixtures("settings")
def test_the_other_metrics_are_printed_when_production_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUSPARK_PROD_DSN", "postgresql://me@127.0.0.1:1/none")
    lines = metrics().stdout.splitlines()
    assert "ouspark_up 1.0" in lines
    assert "ouspark_production_up 0.0" in lines
    assert "ouspark_cache_up 1.0" in lines


def test_metrics_are_written_to_a_file_for_node_exporter(tmp_path: Path) -> None:
    path = tmp_path / "ouspark.prom"
    result = metrics("--textfile", str(path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "ouspark_up 0.0" in path.read_text()


@pytest.mark.parametrize("address", ["here", "70000", "127.0.0.1:", ":9464", "a b:9464"])
def test_an_invalid_listen_address_is_refused(address: str) -> None:
    result = metrics("--serve", address)
    assert result.exit_code == 2
    assert "[HOST:]PORT" in result.output


@pytest.mark.usefixtures("settings")
def test_metrics_are_served_until_sigterm() -> None:
    server = subprocess.Popen(
        [str(BIN / "ouspark"), "metrics", "--serve", "0"],
        env=os.environ,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        line = server.stderr.readline()
        assert line.startswith("Metrics on http://127.0.0.1:")
        for _ in range(2):
            answer = httpx.get(line.removeprefix("Metrics on ").strip(), timeout=TIMEOUT)
            assert answer.status_code == 200
            assert "ouspark_up 1.0" in answer.text
        server.send_signal(signal.SIGTERM)
        assert server.wait(TIMEOUT) == 0
    finally:
        server.kill()
        server.communicate()
