"""`ouspark metrics` on real servers, and on servers that are away or hang."""

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
from ouspark_assets.warehouse.records.stage_runs import close_stage_runs, recorded
from ouspark_assets_tests.support.pipeline import BIN, ROOT
from ouspark_assets_tests.support.stores import Databases

PATIENCE_SECONDS = 120


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
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def metrics(*arguments: str) -> Result:
    """The command in this process; its warnings are on standard error."""
    return CliRunner().invoke(ouspark, ["metrics", "--timeout", "60", *arguments])


@pytest.mark.usefixtures("settings")
def test_what_the_history_holds_is_printed(development: Connection) -> None:
    with recorded(development, "r", "clean.pages", "20250402") as stage:
        stage.rows_in = 12
    done = metrics()
    assert done.exit_code == 0
    shown = done.stdout.splitlines()
    assert "ouspark_up 1.0" in shown
    assert 'ouspark_stage_read_rows_total{stage="clean.pages"} 12.0' in shown
    assert "ouspark_production_up 1.0" in shown
    assert "ouspark_publication_number 0.0" in shown
    assert "ouspark_failed_checks 0.0" in shown
    assert 'ouspark_releases{state="complete"} 0.0' in shown


@pytest.mark.usefixtures("settings")
def test_counters_never_fall_when_a_run_is_found_dead(development: Connection) -> None:
    def runs(outcome: str) -> str:
        name = f'ouspark_stage_runs_total{{outcome="{outcome}",stage="a"}} '
        (line,) = [it for it in metrics().stdout.splitlines() if it.startswith(name)]
        return line.removeprefix(name)

    development.execute("INSERT INTO ops.stage_runs (run_id, asset) VALUES ('dead', 'a')")
    assert (runs("died"), runs("failed")) == ("0.0", "0.0")
    close_stage_runs(development, ["dead"], "gone")
    assert (runs("died"), runs("failed")) == ("1.0", "0.0")


def test_a_database_that_is_away_is_a_number_and_not_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", "postgresql://me:hidden-word@127.0.0.1:1/none")
    done = metrics()
    assert done.exit_code == 0
    assert "ouspark_up 0.0" in done.stdout.splitlines()
    assert "can't be reached" in done.stderr
    assert "hidden-word" not in done.stderr


def test_a_database_that_hangs_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, silent_server: int
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", f"postgresql://me@127.0.0.1:{silent_server}/none")
    done = CliRunner().invoke(ouspark, ["metrics", "--timeout", "0.5"])
    assert done.exit_code == 0
    assert "ouspark_up 0.0" in done.stdout.splitlines()
    for thread in threading.enumerate():
        if "_fill" in thread.name:
            thread.join(PATIENCE_SECONDS)


def test_a_database_that_was_never_migrated_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, servers: Endpoints
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", servers.dev_dsn)
    assert "ouspark_up 0.0" in metrics().stdout.splitlines()


def test_nothing_is_started_for_it(home: Path) -> None:
    assert "ouspark_up 0.0" in metrics().stdout.splitlines()
    assert not home.exists()


@pytest.mark.usefixtures("settings")
def test_production_that_is_away_leaves_the_rest_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUSPARK_PROD_DSN", "postgresql://me@127.0.0.1:1/none")
    shown = metrics().stdout.splitlines()
    assert "ouspark_up 1.0" in shown
    assert "ouspark_production_up 0.0" in shown
    assert "ouspark_cache_up 1.0" in shown


def test_a_file_for_node_exporter(tmp_path: Path) -> None:
    path = tmp_path / "ouspark.prom"
    done = metrics("--textfile", str(path))
    assert (done.exit_code, done.stdout) == (0, "")
    assert "ouspark_up 0.0" in path.read_text()


@pytest.mark.parametrize("address", ["here", "70000", "127.0.0.1:", ":9464", "a b:9464"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    done = metrics("--serve", address)
    assert done.exit_code == 2
    assert "[HOST:]PORT" in done.output


@pytest.mark.usefixtures("settings")
def test_served_until_it_is_told_to_end() -> None:
    server = subprocess.Popen(
        [str(BIN / "ouspark"), "metrics", "--serve", "0"],
        env=os.environ,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        said = server.stderr.readline()
        assert said.startswith("Metrics on http://127.0.0.1:")
        for _ in range(2):
            answer = httpx.get(said.removeprefix("Metrics on ").strip(), timeout=PATIENCE_SECONDS)
            assert answer.status_code == 200
            assert "ouspark_up 1.0" in answer.text
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_SECONDS) == 0
    finally:
        server.kill()
        server.communicate()
