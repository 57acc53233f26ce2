"""Secrets of settings appear nowhere.

Every secret setting is given a canary, which must not appear in the output of commands (failing
ones included), nor in anything that Dagster stores or shows of the graph and its runs.
"""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

import dagster as dg
import psycopg
import pytest
from click.testing import CliRunner
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from psycopg import sql
from pydantic import SecretStr

from ouspark_assets.cli import ouspark
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.services import Endpoints
from ouspark_assets.settings import GROUPS, PREFIX, load_settings
from ouspark_assets.standin.process import RunningStandin, running_standin
from ouspark_assets_tests.support.pipeline import ROOT
from ouspark_assets_tests.support.stores import Databases, dagster_database

CANARY = "c4n4ry-0f-4-t35t"
# Nothing listens on port 1.
UNREACHABLE = f"user:{CANARY}@127.0.0.1:1/place"
SHOWING = [("services", "status"), ("services", "status", "--json")]
FAILING = [
    ("status",),
    ("releases", "list"),
    ("publication", "list"),
    ("cache", "status"),
    # Takes seconds: Dagster retries the connection to its own records.
    pytest.param(("run",), marks=pytest.mark.full),
]


def is_secret(annotation: object) -> bool:
    if get_origin(annotation) in (Union, UnionType, tuple):
        return any(is_secret(argument) for argument in get_args(annotation))
    return annotation is SecretStr


FIELDS = {name: info for group in GROUPS.values() for name, info in group.model_fields.items()}
SECRETS = [name for name, info in FIELDS.items() if is_secret(info.annotation)]


def with_canary(name: str) -> str:
    """A well-formed value of a setting, with the canary where its secret goes."""
    if name.endswith("_dsn"):
        return f"postgresql://{UNREACHABLE}?connect_timeout=2"
    if name in ("redis_url", "celery_broker"):
        return f"redis://{UNREACHABLE.replace('place', '0')}"
    return f"https://127.0.0.1:1/{CANARY}" if "url" in name or "webhook" in name else CANARY


@pytest.fixture
def every_secret(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("OUSPARK_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))
    monkeypatch.setenv("OUSPARK_SITE_URL", "http://127.0.0.1:1")
    for name in SECRETS:
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", with_canary(name))


def test_settings_whose_names_suggest_a_secret_are_secret() -> None:
    words = ("dsn", "password", "secret", "token", "broker", "webhook", "redis", "api_key")
    suspects = {name for name in FIELDS if any(word in name for word in words)}
    assert suspects == suspects & set(SECRETS)
    assert {"dev_dsn", "prod_dsn", "redis_url", "dagster_dsn", "celery_broker"} <= set(SECRETS)


@pytest.mark.usefixtures("every_secret")
def test_settings_do_not_show_their_secrets() -> None:
    settings = load_settings()
    for group in (getattr(settings, name) for name in GROUPS):
        for name in set(SECRETS) & set(type(group).model_fields):
            assert CANARY in getattr(group, name).get_secret_value()
        assert CANARY not in f"{group!r} {group}"
    assert CANARY not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize("name", SECRETS)
def test_a_malformed_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", f"gopher://user:{CANARY}@[")
    try:
        shown = repr(load_settings())
    except OuSparkError as error:
        shown = str(error)
        assert f"{PREFIX}{name.upper()}" in shown
    assert CANARY not in shown


@pytest.mark.usefixtures("every_secret")
@pytest.mark.parametrize("command", SHOWING, ids=" ".join)
def test_addresses_are_printed_without_passwords(command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(ouspark, list(command))
    assert "127.0.0.1:1" in done.output
    assert CANARY not in done.output


@pytest.mark.usefixtures("every_secret")
@pytest.mark.parametrize("command", FAILING)
def test_a_failing_command_prints_one_line_without_a_secret(
    command: tuple[str, ...],
) -> None:
    done = CliRunner().invoke(ouspark, list(command))
    assert isinstance(done.exception, OuSparkError)
    assert "\n" not in str(done.exception)
    assert CANARY not in f"{done.output} {done.exception!r}"


@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`")
@pytest.mark.usefixtures("every_secret")
@pytest.mark.parametrize("executor", ["in_process", "celery"])
def test_the_graph_that_dagster_shows_contains_no_secret(
    monkeypatch: pytest.MonkeyPatch, executor: str
) -> None:
    monkeypatch.setenv("OUSPARK_EXECUTOR", executor)
    shown = serialize_value(RepositorySnap.from_def(build_definitions().get_repository_def()))
    assert "result_pages" in shown
    assert CANARY not in shown


@pytest.fixture(scope="module")
def site() -> Iterator[RunningStandin]:
    with running_standin(students=5, releases=1, seed=3) as site:
        yield site


@pytest.fixture
def real_servers(
    servers: Endpoints,
    databases: Databases,
    site: RunningStandin,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """Databases that accept any password, and a cache that does not; yields Dagster's DSN."""
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))
    with dagster_database(servers) as dagster_dsn:
        for name, value in {
            "home": str(home),
            "site_url": site.url,
            "dev_dsn": with_password(databases.development),
            "prod_dsn": with_password(databases.production),
            "dagster_dsn": with_password(dagster_dsn),
            "redis_url": f"redis://:{CANARY}@{servers.redis_url.rpartition('@')[2]}",
        }.items():
            monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
        yield dagster_dsn


def with_password(dsn: str) -> str:
    assert "//postgres@" in dsn
    return dsn.replace("//postgres@", f"//postgres:{CANARY}@")


def everything_in(dsn: str) -> str:
    """Every row of every table of a database, as text."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        rows = [
            connection.execute(
                sql.SQL("SELECT t::text FROM {}.{} t").format(*map(sql.Identifier, table))
            ).fetchall()
            for table in tables
        ]
    return str(rows)


def test_the_run_history_that_dagster_stores_contains_no_secret(
    real_servers: str, databases: Databases, capfd: pytest.CaptureFixture[str]
) -> None:
    with dg.DagsterInstance.get() as instance:
        job = build_definitions().resolve_implicit_global_asset_job_def()
        for key, succeeds in (
            (["source", "release_index"], True),
            (["cache", "generation"], False),
        ):
            done = job.execute_in_process(
                instance=instance, asset_selection=[dg.AssetKey(key)], raise_on_error=False
            )
            assert done.success is succeeds
    stored = everything_in(real_servers)
    assert "STEP_FAILURE" in stored
    assert "OUSPARK_REDIS_URL" in stored
    printed = capfd.readouterr()
    for place in (stored, everything_in(databases.development), printed.out, printed.err):
        assert CANARY not in place
