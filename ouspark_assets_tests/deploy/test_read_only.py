"""The webserver for readers, started with the command of compose.yaml: it refuses every change."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ouspark_assets_tests.deploy.deployment_files import services
from ouspark_assets_tests.deploy.local_deployment import free_port
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
def serving(name: str, folder: Path) -> Iterator[str]:
    """A webserver of compose.yaml on loopback, whose code server can't be reached; its address."""
    port, (program, *options) = free_port(), services()[name].command
    workspace = ROOT / "deploy" / "workspace.yaml"
    changed = {"0.0.0.0": "127.0.0.1", "3000": str(port), "workspace.yaml": str(workspace)}  # noqa: S104
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / program, *(changed.get(it, it) for it in options)],
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


def answered(address: str) -> str:
    """What a launch comes to, asked as soon as somebody answers."""
    deadline = time.monotonic() + COMMAND_TIMEOUT
    while True:
        try:
            answer = httpx.post(f"{address}/graphql", json={"query": LAUNCH}, timeout=60)
        except httpx.ConnectError:
            assert time.monotonic() < deadline, "no webserver"
            time.sleep(0.1)
            continue
        kind: str = answer.json()["data"]["launchRun"]["__typename"]
        return kind


def test_only_the_webserver_for_readers_refuses_to_launch_a_run(tmp_path: Path) -> None:
    with serving("reader", tmp_path) as reader, serving("webserver", tmp_path) as operator:
        assert answered(reader) == "UnauthorizedError"
        assert answered(operator) != "UnauthorizedError"
