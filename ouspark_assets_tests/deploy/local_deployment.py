"""The services of compose.yaml as local processes, without Docker.

Commands, variables and health checks are those of compose.yaml and the image; only the addresses
differ: every server listens on a free port of loopback.
"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ouspark_assets.services.binaries import postgres_program, valkey_program
from ouspark_assets_tests.deploy.deployment_files import (
    Service,
    interpolate,
    read_instructions,
    read_services,
)
from ouspark_assets_tests.support.pipeline import COMMAND_TIMEOUT, ROOT

PREFIX, HOME, USER = "/opt/ouspark", "/var/lib/ouspark", 10001
# PostgreSQL requires a user with a name.
NOBODY = 65534
PORTS = {"postgres": 5432, "valkey": 6379, "code": 4000, "standin": 8007}
PORTS |= {"webserver": 3000, "reader": 3000}
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class LocalDeployment:
    """The image under a prefix, a folder for the volumes, passwords and ports."""

    prefix: Path
    folder: Path
    secrets: Mapping[str, str]
    ports: Mapping[str, int]

    @classmethod
    def create(cls, prefix: Path, folder: Path) -> "LocalDeployment":
        """Create a deployment with empty volumes and its own passwords and ports."""
        lines = (ROOT / "deploy" / "secrets.env.example").read_text(encoding="utf-8").splitlines()
        names = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
        deployment = cls(
            prefix,
            folder,
            {name: f"{name.lower()}-of-a-test" for name in names}
            | {"OUSPARK_ALLOW_STANDIN": "true"},
            {name: find_free_port() for name in PORTS},
        )
        for part in (folder, folder / "dagster"):
            part.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                os.chown(part, USER, USER)
        workspace = (ROOT / "deploy" / "workspace.yaml").read_text(encoding="utf-8")
        workspace = workspace.replace("host: code", "host: 127.0.0.1")
        workspace = workspace.replace(str(PORTS["code"]), str(deployment.ports["code"]))
        (prefix / "workspace.yaml").write_text(workspace, encoding="utf-8")
        return deployment

    def environment(self, service: Service) -> dict[str, str]:
        """Return the variables of a service: those of the image, overridden by its own."""
        image = dict(
            assignment.split("=", 1)
            for word, rest in read_instructions()
            if word == "ENV" and PREFIX in rest
            for assignment in shlex.split(rest.replace("$PATH", SYSTEM_PATH))
        )
        own = {k: interpolate(v, self.secrets) for k, v in service.environment.items()}
        local = {k: self._localize(v) for k, v in (image | own).items()}
        return local | {"HOSTNAME": "local-deployment"}

    def command(self, service: Service, words: list[str]) -> list[str]:
        """Return a command of a service with its local port."""
        port = PORTS.get(service.name)
        words = [word.replace("0.0.0.0", "127.0.0.1") for word in words]  # noqa: S104
        if port:
            local = str(self.ports[service.name])
            words = [word.replace(str(port), local) for word in words]
        program = shutil.which(words[0], path=f"{self.prefix}/venv/bin:{SYSTEM_PATH}")
        assert program is not None, words[0]
        return [program, *words[1:]]

    @contextmanager
    def run_service(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a service for the duration of the block, which starts when it is healthy."""
        service = read_services()[name]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = self._start(service, service.command, log.fileno())
        try:
            deadline = time.monotonic() + COMMAND_TIMEOUT
            while not self.is_healthy(service):
                assert process.poll() is None, self.log(name)[-3000:]
                assert time.monotonic() < deadline, self.log(name)[-3000:]
            yield process
        finally:
            process.terminate()
            process.wait(COMMAND_TIMEOUT)

    def is_healthy(self, service: Service) -> bool:
        """Return whether the health check of a service succeeds."""
        check = self._start(service, service.health, subprocess.DEVNULL)
        return check.wait(COMMAND_TIMEOUT) == 0

    def log(self, name: str) -> str:
        """Return the log of a service so far."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def _start(self, service: Service, words: list[str], log: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(service, words),
            env=self.environment(service),
            cwd=self.prefix,
            stdout=log,
            stderr=log,
            **user_options(),
        )

    def _localize(self, value: str) -> str:
        value = value.replace(PREFIX, str(self.prefix)).replace(HOME, str(self.folder))
        for name, port in PORTS.items():
            value = value.replace(f"{name}:{port}", f"127.0.0.1:{self.ports[name]}")
        return value

    @contextmanager
    def run_servers(self) -> Iterator[None]:
        """Run PostgreSQL with the databases of the script, and Valkey, both with passwords."""
        with self._postgres(), self._valkey():
            yield

    @contextmanager
    def _postgres(self) -> Iterator[None]:
        data, passwords = self.folder / "postgres", self.folder / "superuser"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(data, NOBODY, NOBODY)
        passwords.write_text(self.secrets["POSTGRES_PASSWORD"], encoding="utf-8")
        passwords.chmod(0o644)
        service, port = read_services()["postgres"], str(self.ports["postgres"])
        arguments = service.environment["POSTGRES_INITDB_ARGS"].split()
        programs = postgres_program("postgres", for_all_users=True).parent
        initdb: list[Any] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            f"--pwfile={passwords}",
        ]
        subprocess.run(
            [*initdb, *arguments], check=True, stdout=subprocess.DEVNULL, **user_options(NOBODY)
        )
        with (self.folder / "postgres.log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-p", port, "-h", "127.0.0.1", "-k", data],
                stdout=log, stderr=log, **user_options(NOBODY),
            )  # fmt: skip
        try:
            environment = {
                **{k: interpolate(v, self.secrets) for k, v in service.environment.items()},
                "PATH": f"{programs}:{SYSTEM_PATH}",
                "PGHOST": "127.0.0.1",
                "PGPORT": port,
                "PGPASSWORD": self.secrets["POSTGRES_PASSWORD"],
            }
            ready = [programs / "pg_isready", "-q"]
            while subprocess.run(ready, env=environment, check=False).returncode:
                assert server.poll() is None, self.log("postgres")
            script = ROOT / "deploy" / "postgres" / "databases.sh"
            subprocess.run(["sh", script], env=environment, check=True)
            yield
        finally:
            server.terminate()
            server.wait(COMMAND_TIMEOUT)

    @contextmanager
    def _valkey(self) -> Iterator[None]:
        with (
            (self.folder / "valkey.log").open("wb") as log,
            run_valkey(
                "valkey", self.folder, self.ports["valkey"], self.secrets, log, **user_options()
            ),
        ):
            yield


@contextmanager
def run_valkey(
    name: str,
    folder: Path,
    port: int,
    secrets: Mapping[str, str],
    log: IO[bytes],
    **options: Any,
) -> Iterator[None]:
    """Run the cache or the broker with the script of compose.yaml, with its data in a folder."""
    service = read_services()[name]
    shell, script, role = service.command
    (volume,) = (source for source, target, *_ in service.volumes if target == script)
    server = subprocess.Popen(
        [shell, ROOT / volume, role, "--port", str(port), "--bind", "127.0.0.1"],
        cwd=folder,
        env={
            "PATH": f"{valkey_program().parent}:{SYSTEM_PATH}",
            "TMPDIR": str(folder),
            **{k: interpolate(v, secrets) for k, v in service.environment.items()},
        },
        stdout=log,
        stderr=log,
        **options,
    )
    try:
        yield
    finally:
        server.terminate()
        server.wait(COMMAND_TIMEOUT)


def user_options(user: int = USER) -> dict[str, Any]:
    """Return options of Popen that make root run a process as another user."""
    if os.geteuid() != 0:
        return {}
    return {"user": user, "group": user, "extra_groups": []}


def find_shared_python() -> str:
    """Return a Python that the user of the image may execute too."""
    if os.geteuid() != 0:
        return sys.executable
    found = shutil.which("python3", path=SYSTEM_PATH)
    assert found is not None
    return found


def find_free_port() -> int:
    """Return a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
