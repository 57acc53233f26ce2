"""The reader webserver of compose.yaml refuses to launch a run."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

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


def test_only_the_reader_webserver_refuses_to_launch_a_run(tmp_path: Path) -> None:
    with (
        run_webserver("reader", tmp_path) as reader,
        run_webserver("webserver", tmp_path) as operator,
    ):
        assert launch_run(reader) == "UnauthorizedError"
        assert launch_run(operator) != "UnauthorizedError"
