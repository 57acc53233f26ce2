"""The commands of `ouspark services`."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
import pytest
import redis
from click.testing import CliRunner

from ouspark_assets.cli.commands import services
from ouspark_assets.domain.errors import ServiceError

Run = Callable[..., str]


@pytest.fixture
def run(home: Path) -> Run:
    """Run a command with the home and further variables set."""

    def invoke(arguments: Sequence[str], **more: str) -> str:
        environment = {"OUSPARK_HOME": str(home)} | more
        result = CliRunner().invoke(services, arguments, env=environment, catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    return invoke


def test_status_starts_and_creates_nothing(run: Run, home: Path) -> None:
    table = run(["status"])
    found = json.loads(run(["status", "--json"]))
    assert table.count("stopped") == 4
    assert [found[name] for name in ("dev_dsn", "prod_dsn", "redis_url", "site_url")] == [None] * 4
    assert set(found["states"].values()) == {"stopped"}
    assert not home.exists()


def test_up_starts_the_servers_until_down(run: Run) -> None:
    message = run(["up"])
    assert "until `ouspark services down`" in message
    found = json.loads(run(["status", "--json", "--show-secrets"]))
    with psycopg.connect(found["dev_dsn"]) as connection:
        assert connection.info.dbname == "ouspark_dev"
    assert redis.Redis.from_url(found["redis_url"]).ping()
    assert found["site_url"].startswith("http://127.0.0.1:")
    assert found["kept"]
    assert set(found["states"].values()) == {"running"}
    assert all(found["servers"][name]["pid"] for name in ("postgres", "redis", "site"))
    assert found["servers"]["postgres"]["data_bytes"] > 10_000_000
    assert "stopped" in run(["down"])
    assert set(json.loads(run(["status", "--json"]))["states"].values()) == {"stopped"}


def test_down_without_running_servers_succeeds(run: Run, home: Path) -> None:
    assert "No embedded servers are running" in run(["down"])
    assert not home.exists()


def test_passwords_are_masked_unless_requested(run: Run) -> None:
    configured = {"OUSPARK_REDIS_URL": "redis://:hidden@cache.invalid/0"}
    assert "hidden" not in run(["status"], **configured)
    masked = json.loads(run(["status", "--json"], **configured))
    assert masked["redis_url"] == "redis://:***@cache.invalid/0"
    assert masked["states"]["redis_url"] == "configured"
    plain = json.loads(run(["status", "--json", "--show-secrets"], **configured))
    assert plain["redis_url"] == "redis://:hidden@cache.invalid/0"


def test_up_with_every_address_configured_starts_nothing(run: Run, home: Path) -> None:
    message = run(
        ["up"],
        OUSPARK_DEV_DSN="postgresql://db.invalid/dev",
        OUSPARK_PROD_DSN="postgresql://db.invalid/prod",
        OUSPARK_REDIS_URL="redis://cache.invalid/0",
        OUSPARK_SITE_URL="https://results.invalid",
    )
    assert "nothing to start" in message
    assert message.count("configured") >= 4
    assert not home.exists()


def test_a_failed_start_fails_the_command_and_is_in_the_status(run: Run, home: Path) -> None:
    data = home / "services/postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServiceError, match="PostgreSQL 9"):
        run(["up"])
    assert "Move that folder away" in run(["status"])
    assert json.loads(run(["status", "--json"]))["servers"]["postgres"]["state"] == "failed"
