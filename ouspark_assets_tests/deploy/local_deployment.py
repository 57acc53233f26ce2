"""The services of compose.yaml started by hand: their commands, variables and health, no Docker.

Everything is as in the image, but for addresses: every server listens on a free port of loopback.
"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ouspark_assets.services.binaries import postgres_program, valkey_program
from ouspark_assets_tests.deploy.deployment_files import (
    Service,
    instructions,
    interpolated,
    services,
)
from ouspark_assets_tests.support.pipeline import COMMAND_TIMEOUT, ROOT

PREFIX, HOME, USER = "/opt/ouspark", "/var/lib/ouspark", 10001
# PostgreSQL insists on a user with a name.
NOBODY = 65534
PORTS = {"postgres": 5432, "valkey": 6379, "code": 4000, "standin": 8007}
PORTS |= {"webserver": 3000, "reader": 3000}
SYSTEM = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Machine:
    """What a machine has: the image under a prefix, a folder for volumes, passwords, ports."""

    prefix: Path
    folder: Path
    secrets: Mapping[str, str]
    ports: Mapping[str, int]

    @classmethod
    def prepared(cls, prefix: Path, folder: Path) -> "Machine":
        """A machine with an empty folder."""
        lines = (ROOT / "deploy" / "secrets.env.example").read_text(encoding="utf-8").splitlines()
        names = [it.partition("=")[0] for it in lines if it and not it.startswith("#")]
        machine = cls(
            prefix,
            folder,
            {name: f"{name.lower()}-of-a-test" for name in names},
            {name: free_port() for name in PORTS},
        )
        for part in (folder, folder / "dagster"):
            part.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                os.chown(part, USER, USER)
        workspace = (ROOT / "deploy" / "workspace.yaml").read_text(encoding="utf-8")
        at = workspace.replace("host: code", "host: 127.0.0.1")
        at = at.replace(str(PORTS["code"]), str(machine.ports["code"]))
        (prefix / "workspace.yaml").write_text(at, encoding="utf-8")
        return machine

    def environment(self, service: Service) -> dict[str, str]:
        """The variables of a service: those of the image, then its own."""
        image = dict(
            it.split("=", 1)
            for word, rest in instructions()
            if word == "ENV" and PREFIX in rest
            for it in shlex.split(rest.replace("$PATH", SYSTEM))
        )
        own = {k: interpolated(v, self.secrets) for k, v in service.environment.items()}
        here = {k: self._here(v) for k, v in (image | own).items()}
        return here | {"HOSTNAME": "by-hand"}

    def command(self, service: Service, words: list[str]) -> list[str]:
        """A command of a service, on its port of this machine."""
        port = PORTS.get(service.name)
        inside, here = str(port), str(self.ports.get(service.name))
        loopback = [it.replace("0.0.0.0", "127.0.0.1") for it in words]  # noqa: S104
        done = [it.replace(inside, here) if port else it for it in loopback]
        program = shutil.which(done[0], path=f"{self.prefix}/venv/bin:{SYSTEM}")
        assert program is not None, done[0]
        return [program, *done[1:]]

    @contextmanager
    def running(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A service, from when it says that it is well."""
        service = services()[name]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = self._start(service, service.command, log.fileno())
        try:
            self._wait_until_well(service, process)
            yield process
        finally:
            process.terminate()
            process.wait(COMMAND_TIMEOUT)

    def is_well(self, service: Service) -> bool:
        """What the health check of a service says."""
        check = self._start(service, service.health, subprocess.DEVNULL)
        return check.wait(COMMAND_TIMEOUT) == 0

    def log(self, name: str) -> str:
        """What a service has written so far."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def _wait_until_well(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + COMMAND_TIMEOUT
        while not self.is_well(service):
            assert process.poll() is None, self.log(service.name)[-3000:]
            assert time.monotonic() < deadline, self.log(service.name)[-3000:]

    def _start(self, service: Service, words: list[str], log: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(service, words),
            env=self.environment(service),
            cwd=self.prefix,
            stdout=log,
            stderr=log,
            **as_user(),
        )

    def _here(self, value: str) -> str:
        value = value.replace(PREFIX, str(self.prefix)).replace(HOME, str(self.folder))
        for name, port in PORTS.items():
            value = value.replace(f"{name}:{port}", f"127.0.0.1:{self.ports[name]}")
        return value

    @contextmanager
    def servers(self) -> Iterator[None]:
        """PostgreSQL with the databases of the script, and Valkey, both with their passwords."""
        with ExitStack() as stack:
            stack.enter_context(self._postgres())
            stack.enter_context(self._valkey())
            yield

    @contextmanager
    def _postgres(self) -> Iterator[None]:
        data, passwords = self.folder / "postgres", self.folder / "superuser"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(data, NOBODY, NOBODY)
        passwords.write_text(self.secrets["POSTGRES_PASSWORD"], encoding="utf-8")
        passwords.chmod(0o644)
        service, port = services()["postgres"], str(self.ports["postgres"])
        arguments = service.environment["POSTGRES_INITDB_ARGS"].split()
        programs = postgres_program("postgres", for_all_users=True).parent
        initdb = [programs / "initdb", "-D", data, "-U", "postgres", f"--pwfile={passwords}"]
        subprocess.run(
            [*initdb, *arguments], check=True, stdout=subprocess.DEVNULL, **as_user(NOBODY)
        )
        with (self.folder / "postgres.log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-p", port, "-h", "127.0.0.1", "-k", data],
                stdout=log, stderr=log, **as_user(NOBODY),
            )  # fmt: skip
        try:
            environment = {
                **{k: interpolated(v, self.secrets) for k, v in service.environment.items()},
                "PATH": f"{programs}:{SYSTEM}",
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
        service = services()["valkey"]
        script = service.command[-1].replace("$$", "$").replace("/data", str(self.folder))
        script = script.replace("valkey-server -", f"valkey-server - --port {self.ports['valkey']}")
        with (self.folder / "valkey.log").open("wb") as log:
            server = subprocess.Popen(
                ["sh", "-c", f"{script} --bind 127.0.0.1"],
                env={"PATH": f"{valkey_program().parent}:{SYSTEM}", **self.secrets},
                stdout=log, stderr=log, **as_user(),
            )  # fmt: skip
        try:
            yield
        finally:
            server.terminate()
            server.wait(COMMAND_TIMEOUT)


def as_user(user: int = USER) -> dict[str, Any]:
    """Root gives up its rights, for those of the image's user; anybody else stays who they are."""
    if os.geteuid() != 0:
        return {}
    return {"user": user, "group": user, "extra_groups": []}


def python_for_everybody() -> str:
    """A Python that the user of the image may execute too."""
    if os.geteuid() != 0:
        return sys.executable
    found = shutil.which("python3", path=SYSTEM)
    assert found is not None
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
