"""The webservers of compose.yaml refuse forged requests; that of readers refuses every mutation."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ouspark_assets_tests.deploy.deployment_files import read_services
from ouspark_assets_tests.deploy.local_deployment import find_free_port
from ouspark_assets_tests.support.pipeline import BIN, COMMAND_TIMEOUT, ROOT, Pipeline

LAUNCH = """
mutation { launchRun(executionParams: {
  selector: {
    repositoryLocationName: "ouspark_assets", repositoryName: "__repository__"
    jobName: "read_index"
  }
  runConfigData: {}
}) { __typename } }
"""


@contextmanager
def run_webserver(name: str, folder: Path) -> Iterator[str]:
    """Run a webserver of compose.yaml without its code server; yield its address."""
    port, (program, *options) = find_free_port(), read_services()[name].command
    workspace = ROOT / "deploy" / "workspace.yaml"
    changed = {"0.0.0.0": "127.0.0.1", "3000": str(port), "workspace.yaml": str(workspace)}  # noqa: S104
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / program, *(changed.get(word, word) for word in options)],
            env=Pipeline(folder, "http://127.0.0.1:1").environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(COMMAND_TIMEOUT)


def launch_run(address: str) -> str:
    """Return the type of the answer to a launch, requested as soon as the server listens."""
    deadline = time.monotonic() + COMMAND_TIMEOUT
    while True:
        try:
            answer = httpx.post(f"{address}/graphql", json={"query": LAUNCH}, timeout=60)
        except httpx.ConnectError:
            assert time.monotonic() < deadline, "the webserver does not answer"
            time.sleep(0.1)
            continue
        kind: str = answer.json()["data"]["launchRun"]["__typename"]
        return kind


@pytest.fixture(scope="module")
def webservers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of the webserver of readers and of that of operators."""
    folder = tmp_path_factory.mktemp("webservers")
    with run_webserver("reader", folder) as reader, run_webserver("webserver", folder) as operator:
        yield reader, operator


def test_only_the_reader_webserver_refuses_to_launch_a_run(webservers: tuple[str, str]) -> None:
    reader, operator = webservers
    assert launch_run(reader) == "UnauthorizedError"
    assert launch_run(operator) != "UnauthorizedError"


def test_webservers_refuse_forged_requests(webservers: tuple[str, str]) -> None:
    for address in webservers:
        launch_run(address)
        mutation = {"query": "mutation { setNuxSeen }"}
        graphql, materialization = f"{address}/graphql", f"{address}/report_asset_materialization/x"
        assert httpx.get(graphql, params=mutation).status_code == 405
        for forged in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            assert httpx.get(graphql, params=mutation, headers=forged).status_code == 403
            assert httpx.post(graphql, params=mutation, headers=forged).status_code == 403
            assert httpx.post(materialization, json={}, headers=forged).status_code == 403
        own = httpx.post(graphql, params=mutation, headers={"Origin": address})
        assert own.json() == {"data": {"setNuxSeen": True}}
