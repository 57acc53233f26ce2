"""Runs the deployment in containers and breaks it: `make check-deploy`.

Builds the image, starts compose.yaml with every profile, waits until results are in the cache,
kills each service, starts everything again with `up --build`, and removes what it created. Needs
a container engine; the tests of this folder need none.
"""

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from ouspark_assets.cache.keys import CURRENT_KEY
from ouspark_assets_tests.deploy.deployment_files import COMPOSE, IMAGE, read_services

# Another name than that of compose.yaml, so that a deployment on this machine is left alone.
PROJECT = "ouspark-check"
PROFILES = sorted(
    {
        profile
        for each in read_services().values()
        for profile in each.definition.get("profiles", ())
    }
)
EXAMPLE = COMPOSE.parent / "deploy" / "secrets.env.example"
POLL_SECONDS = 2.0
OK, FAILED, NO_ENGINE = 0, 1, 2
HOW_TO_GET_AN_ENGINE = """\
No container engine with compose was found, so nothing was started. Install one of:
  Docker Engine and its compose plugin (Debian 13, Ubuntu: apt install docker.io docker-compose;
  Fedora: dnf install moby-engine docker-compose; macOS, Windows: Docker Desktop), and start it;
  or Podman 5 with `podman compose`.
Tried:
"""
NOT_STARTED = (
    "servers on other machines: production, cache or lake on S3, and TLS to them",
    "a proxy with a login in front of the webservers",
    "the university's site: the stand-in served the results",
    "Kubernetes: see .github/workflows/deploy.yaml",
)


class CheckError(Exception):
    """Something did not work; the text says what."""


@dataclass(frozen=True)
class Engine:
    """The words that begin a command of the engine, e.g. `docker`."""

    program: str

    def run(
        self, *words: str, timeout: float, is_shown: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the engine; raise CheckError if it fails or takes too long."""
        command = [self.program, *words]
        try:
            done = subprocess.run(
                command,
                cwd=COMPOSE.parent,
                text=True,
                stdout=None if is_shown else subprocess.PIPE,
                stderr=None if is_shown else subprocess.STDOUT,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"`{' '.join(command)}` took more than {timeout:.0f} s"
            raise CheckError(message) from error
        if done.returncode:
            output = f":\n{done.stdout[-3000:]}" if done.stdout else ""
            message = f"`{' '.join(command)}` ended with {done.returncode}{output}"
            raise CheckError(message)
        return done


def find_engine() -> Engine:
    """Return the first engine that answers and has compose; raise CheckError if there is none."""
    tried = []
    for program in ("docker", "podman"):
        if shutil.which(program) is None:
            tried.append(f"  {program}: not installed")
            continue
        engine = Engine(program)
        try:
            engine.run("info", timeout=60)
            engine.run("compose", "version", timeout=60)
        except CheckError as error:
            tried.append(f"  {program}: {str(error).strip().splitlines()[-1]}")
        else:
            return engine
    raise CheckError(HOW_TO_GET_AN_ENGINE + "\n".join(tried))


@dataclass
class Trial:
    """One trial of the deployment, with secrets of its own."""

    engine: Engine
    folder: Path
    executor: str
    results: list[str] = field(default_factory=list)

    def compose(self, *words: str, timeout: float, is_shown: bool = False) -> str:
        """Run a compose command with every profile; return what it prints."""
        files = ["-f", str(COMPOSE), "-f", str(self.folder / "override.yaml")]
        options = ["--project-name", PROJECT, "--env-file", str(self.folder / "secrets.env")]
        profiles = [word for profile in PROFILES for word in ("--profile", profile)]
        done = self.engine.run(
            "compose", *files, *options, *profiles, *words, timeout=timeout, is_shown=is_shown
        )
        return done.stdout or ""

    def prepare(self) -> None:
        """Write generated passwords, and an override that publishes no ports."""
        names = [
            line.removesuffix("=")
            for line in EXAMPLE.read_text(encoding="utf-8").splitlines()
            if line.endswith("=") and not line.startswith("#")
        ]
        lines = [f"{name}={secrets.token_hex(24)}" for name in names]
        # The trial publishes what the stand-in has invented.
        lines.append("OUSPARK_ALLOW_STANDIN=true")
        path = self.folder / "secrets.env"
        path.touch(mode=0o600)
        path.write_text("\n".join([*lines, f"OUSPARK_EXECUTOR={self.executor}", ""]))
        published = [name for name, each in read_services().items() if "ports" in each.definition]
        override = "".join(f"  {name}:\n    ports: !reset []\n" for name in published)
        (self.folder / "override.yaml").write_text(f"services:\n{override}")

    def inspect(self, service: str) -> dict[str, Any]:
        """Return the state of a service's container."""
        container = self.compose("ps", "--all", "--quiet", service, timeout=60).split()[0]
        (found,) = json.loads(self.engine.run("inspect", container, timeout=60).stdout)
        state: dict[str, Any] = found["State"]
        return state

    def read_current_generation(self) -> str:
        """Return what a reader of the cache gets as the current generation; empty if none."""
        ask = f'REDISCLI_AUTH="$READER_PASSWORD" valkey-cli --user reader GET {CURRENT_KEY}'
        return self.compose("exec", "-T", "valkey", "sh", "-c", ask, timeout=60).strip()

    def kill(self, service: str) -> None:
        """Kill the first process of a service, as the kernel does when memory is short.

        The engine's own `kill` counts as a stop by the operator, after which nothing restarts. A
        container in the host's process namespace can also kill on a machine of another user.
        """
        process = self.inspect(service)["Pid"]
        options = ("--rm", "--pid", "host", "--user", "0:0", "--entrypoint", "sh")
        self.engine.run("run", *options, IMAGE, "-c", f"kill -9 {process}", timeout=120)

    def start_all(self, *words: str) -> None:
        """Start every service and wait until all are healthy.

        `up --wait` would fail as soon as one is unhealthy, which a slow machine is for a while.
        """
        self.compose(*words, timeout=1800, is_shown=True)
        for service in read_services():
            wait_for(
                lambda name=service: self.is_healthy_again(name, ""),
                f"{service} did not become healthy",
                900,
            )

    def is_healthy_again(self, service: str, started: str) -> bool:
        """Return whether a service was started after this time and is healthy."""
        state = self.inspect(service)
        return state["StartedAt"] > started and state.get("Health", {}).get("Status") == "healthy"

    @contextmanager
    def step(self, description: str) -> Iterator[None]:
        """Print a step, and after it how long it took."""
        click.echo(f"{description} …")
        began = time.monotonic()
        yield
        self.results.append(f"{description}: {time.monotonic() - began:.0f} s")
        click.echo(f"  {time.monotonic() - began:.0f} s")

    def run(self) -> None:
        """Do everything; raise CheckError at the first step that fails."""
        with self.step("Build the image"):
            self.compose("build", timeout=1800, is_shown=True)
        with self.step(f"Start {len(read_services())} services and wait until all are healthy"):
            self.start_all("up", "-d")
        with self.step("Wait until a reader finds results in the cache"):
            wait_for(lambda: bool(self.read_current_generation()), "nothing in the cache", 900)
        for service in read_services():
            with self.step(f"Kill {service} and wait until it is healthy"):
                started = self.inspect(service)["StartedAt"]
                self.kill(service)
                wait_for(
                    lambda name=service, since=started: self.is_healthy_again(name, since),
                    f"{service} did not become healthy",
                    300,
                )
        with self.step("Start everything again with up --build"):
            self.start_all("up", "-d", "--build")
        if not self.read_current_generation():
            message = "the cache lost its current generation"
            raise CheckError(message)

    def remove(self) -> None:
        """Remove containers, networks and volumes; raise CheckError if something is left."""
        with self.step("Remove everything with down -v"):
            self.compose("down", "--volumes", "--remove-orphans", timeout=300, is_shown=True)
        label = ("--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}")
        for listing in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
            left = self.engine.run(*listing, *label, timeout=60).stdout.split()
            if left:
                message = f"`{' '.join(listing)}` still lists {', '.join(left)}"
                raise CheckError(message)


def wait_for(condition: Callable[[], bool], otherwise: str, seconds: float) -> None:
    """Wait until the condition is true; raise CheckError after this time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
            reason = ""
        except CheckError as error:
            # The container is just being restarted.
            reason = f" ({error})"
        if time.monotonic() > deadline:
            message = f"{otherwise} within {seconds:.0f} s{reason}"
            raise CheckError(message)
        time.sleep(POLL_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; return 0 if everything worked, 1 if not, 2 without an engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executor", default="celery", choices=("in_process", "celery"))
    options = parser.parse_args(arguments)
    try:
        engine = find_engine()
    except CheckError as error:
        click.echo(error, err=True)
        return NO_ENGINE
    click.echo(f"Container engine: {engine.program} ({os.environ.get('DOCKER_HOST', 'local')})")
    with tempfile.TemporaryDirectory(prefix="ouspark-check-deploy-") as folder:
        trial = Trial(engine, Path(folder), options.executor)
        trial.prepare()
        failures = []
        try:
            trial.run()
        except CheckError as error:
            failures.append(str(error))
            print_logs(trial)
        finally:
            try:
                trial.remove()
            except CheckError as error:
                failures.append(str(error))
    click.echo("\n  ".join(["\nDone:", *trial.results]))
    click.echo("\n  ".join(["Not started:", *NOT_STARTED]))
    if failures:
        click.echo("\n  ".join(["FAILED:", *failures]), err=True)
        return FAILED
    return OK


def print_logs(trial: Trial) -> None:
    """Print the state and the last lines of every service, for the reader of a failure."""
    for words in (("ps", "--all"), ("logs", "--tail", "30")):
        try:
            trial.compose(*words, timeout=120, is_shown=True)
        except CheckError as error:
            click.echo(error, err=True)


if __name__ == "__main__":
    sys.exit(main())
