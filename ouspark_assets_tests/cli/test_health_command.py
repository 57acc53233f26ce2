"""`ouspark health`: lines, JSON and exit code, with real servers and without them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ouspark_assets.cli import ouspark
from ouspark_assets.cli.commands import HEALTH_PARTS
from ouspark_assets.operations.health import Part
from ouspark_assets_tests.support.pipeline import ROOT
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN


@pytest.fixture(autouse=True)
def dagster_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))


def health(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(ouspark, ["health", *arguments])


def test_the_command_accepts_the_names_of_all_parts() -> None:
    assert list(HEALTH_PARTS) == list(Part)


@pytest.mark.usefixtures("store_addresses")
def test_servers_that_answer_are_healthy() -> None:
    result = health("development", "production", "cache")
    assert result.exit_code == 0, result.output
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["development", "healthy"],
        ["production", "healthy"],
        ["cache", "healthy"],
    ]


@pytest.mark.usefixtures("store_addresses")
def test_a_part_that_fails_is_named_and_the_exit_code_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUSPARK_PROD_DSN", UNREACHABLE_DSN)
    result = health("development", "production", "cache")
    assert result.exit_code == 1
    assert "production   FAILED   The production database can't be reached" in result.stdout
    assert result.stderr == "Not healthy: production.\n"
    report = json.loads(health("--json", "development", "production").stdout)
    assert report["healthy"] is False
    assert [(part["part"], part["healthy"]) for part in report["parts"]] == [
        ("development", True),
        ("production", False),
    ]


def test_nothing_works_and_nothing_is_started_in_a_new_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_HOME", str(home))
    result = health()
    assert result.exit_code == 1
    servers = HEALTH_PARTS[: HEALTH_PARTS.index("processes")]
    assert result.stderr == f"Not healthy: {', '.join(servers)}.\n"
    assert "No process executes user code." in result.stdout
    assert "Dagster has never run with this OUSPARK_HOME." in result.stdout
    assert not home.exists()


def test_the_given_code_server_is_called() -> None:
    result = health("code", "--code-server", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "User code at 127.0.0.1:1 does not answer" in result.stdout
