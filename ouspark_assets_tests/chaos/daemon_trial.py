"""The daemon trial: the whole stack as `make ui` runs it, each process killed in turn.

Before each kill the site publishes a release. Measured are the times until the health check is red,
until every part is healthy again, and until readers have the release. No command is run meanwhile,
and this process uses no embedded server itself, because every user of them restarts them.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from rich.table import Table

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.health import Part
from ouspark_assets.orchestration.supervision.code_server import read_code_server
from ouspark_assets.orchestration.supervision.health import check_health
from ouspark_assets.orchestration.supervision.process_records import UiFiles
from ouspark_assets.services.client import query_supervisor
from ouspark_assets.services.protocol import Request
from ouspark_assets.services.server_status import read_services_status
from ouspark_assets.settings import load_settings
from ouspark_assets_tests.chaos.processes import (
    list_process_tree,
    list_processes_of,
    read_command_line,
    send_signal,
)
from ouspark_assets_tests.chaos.site_process import Population, SiteProcess, run_site
from ouspark_assets_tests.support.daemon import selected_releases_on_index
from ouspark_assets_tests.support.pipeline import BIN, ROOT, Pipeline

# What is promised, in seconds. A publication may take this much longer than an undisturbed one.
MAX_RECOVERY = 120.0
MAX_DELAY = 120.0
MAX_DELAY_AFTER_RESTART = 60.0
START_TIMEOUT = 300.0
# Some ends are repaired so quickly that they are seen only by looking all the time.
POLL_INTERVAL = 0.05
# A cycle that is not over by then is given up; the limits above are judged separately.
CYCLE_TIMEOUT = 400.0
WORKER = "spawn_main"


@dataclass
class Stack:
    """An installation, its site, and the process of `ouspark ui`."""

    pipeline: Pipeline
    site: SiteProcess
    port: int
    log: Path
    ui: subprocess.Popen[bytes] | None = None

    @property
    def files(self) -> UiFiles:
        """What `ouspark ui` has recorded."""
        return UiFiles(self.pipeline.home)

    def start(self) -> None:
        """Start the command of `make ui`."""
        with self.log.open("ab") as output:
            self.ui = subprocess.Popen(
                [str(BIN / "ouspark"), "ui", "--port", str(self.port)],
                env=self.pipeline.environment | {"OUSPARK_INDEX_INTERVAL": "5"},
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill_everything(self) -> None:
        """Kill every process of the installation at the same time."""
        while pids := list_processes_of(self.pipeline.home):
            send_signal(signal.SIGKILL, pids)

    def is_healthy(self, *parts: Part) -> bool:
        """Return whether these parts, or all of them, are healthy."""
        report = check_health(load_settings(), ROOT / "workspace.yaml", parts or tuple(Part))
        return not report.unhealthy

    def recorded_pid(self, name: str) -> int:
        """Return the process id of a process of `ouspark ui`."""
        _, records = self.files.read() or ([], [])
        return next(record.pid for record in records if record.name == name)

    def user_code_pid(self) -> int:
        """Return the process id of user code."""
        server = read_code_server(load_settings().servers)
        assert server is not None
        return server.pid

    def worker_pids(self) -> list[int]:
        """Return the process ids of the workers of runs."""
        tree = list_process_tree(self.user_code_pid())
        return [pid for pid in tree if WORKER in read_command_line(pid)]

    def worker_pid(self) -> int:
        """Wait for a run and return the process id of its worker, a moment after its start."""
        wait_for(lambda: bool(self.worker_pids()), "a run worker", CYCLE_TIMEOUT)
        time.sleep(3)
        return next(iter(self.worker_pids()), 0)

    def server_pid(self, name: str) -> int:
        """Return the process id of an embedded server, or of their supervisor."""
        response = query_supervisor(self.pipeline.home, Request("status"))
        assert response is not None
        if name == "supervisor":
            return response.supervisor_pid
        return next(report.pid or 0 for report in response.reports if report.name == name)

    def readers_have(self, releases: Sequence[str]) -> bool:
        """Return whether the cache has all of these releases."""
        servers = read_services_status(load_settings().servers, show_secrets=True).servers
        address = next(each.usable_address for each in servers if each.server == "redis")
        if address is None:
            return False
        with suppress(OuSparkError, redis.RedisError), connect_cache(address) as client:
            name = client.get("ouspark:current")
            meta = client.get(f"ouspark:{name.decode()}:meta") if name else None
            return bool(meta) and set(releases) <= set(json.loads(meta)["releases"])
        return False


@dataclass(frozen=True)
class Victim:
    """What is killed, and the part of the health check that must notice."""

    name: str
    kill: Callable[[Stack], None]
    noticed_by: Part | None
    max_delay: float = MAX_DELAY


def _kill(find: Callable[[Stack], int]) -> Callable[[Stack], None]:
    def kill(stack: Stack) -> None:
        pid = find(stack)
        assert pid > 1, "there is no such process"
        os.kill(pid, signal.SIGKILL)

    return kill


def _restart_everything(stack: Stack) -> None:
    # The run is launched and has not started: nobody but us recognises that it never will.
    wait_for(lambda: bool(stack.worker_pids()), "a run worker", CYCLE_TIMEOUT)
    stack.kill_everything()
    assert stack.ui is not None
    stack.ui.wait()
    stack.start()


NOTHING = Victim("nothing", lambda _: None, None)
VICTIMS = (
    Victim("user code", _kill(Stack.user_code_pid), Part.CODE),
    Victim("code server", _kill(lambda stack: stack.recorded_pid("code")), Part.PROCESSES),
    Victim("webserver", _kill(lambda stack: stack.recorded_pid("webserver")), Part.PROCESSES),
    Victim("daemon", _kill(lambda stack: stack.recorded_pid("daemon")), Part.PROCESSES),
    Victim("monitor", _kill(lambda stack: stack.recorded_pid("monitor")), Part.PROCESSES),
    Victim("run worker", _kill(Stack.worker_pid), None),
    Victim("PostgreSQL", _kill(lambda stack: stack.server_pid("postgres")), Part.DEVELOPMENT),
    Victim("Valkey", _kill(lambda stack: stack.server_pid("redis")), Part.CACHE),
    Victim(
        "supervisor of the embedded servers",
        _kill(lambda stack: stack.server_pid("supervisor")),
        Part.DEVELOPMENT,
    ),
    Victim(
        "everything, then `make ui`",
        _restart_everything,
        Part.CODE,
        MAX_DELAY_AFTER_RESTART,
    ),
    # Last, because its successor is not a child of this process.
    Victim(
        "`ouspark ui` itself",
        _kill(lambda stack: stack.ui.pid if stack.ui else 0),
        Part.PROCESSES,
    ),
)


@dataclass
class Recovery:
    """What was measured after a kill, in seconds; None if it did not happen."""

    victim: Victim
    red: float | None = None
    green: float | None = None
    published: float | None = None
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the measurement as one line."""
        times = f"red after {format_seconds(self.red)}, healthy after {format_seconds(self.green)}"
        published = f"release published after {format_seconds(self.published)}"
        return "; ".join((f"{self.victim.name} was killed: {times}, {published}", *self.problems))

    def judge(self, undisturbed: float) -> None:
        """Note which promises were broken; an undisturbed publication takes this many seconds."""
        if self.victim.noticed_by is not None and self.red is None:
            self.problems.append(f"`ouspark health {self.victim.noticed_by}` never was red")
        limits = (
            ("healthy again", self.green, MAX_RECOVERY),
            ("release published", self.published, undisturbed + self.victim.max_delay),
        )
        for what, seconds, limit in limits:
            if seconds is None or seconds > limit:
                self.problems.append(f"{what} after {format_seconds(seconds)}, limit {limit:.0f} s")


def run_daemon_trial(
    population: Population, folder: Path, victims: Sequence[str], show: Callable[[str], None]
) -> list[Recovery]:
    """Kill the victims of these names in turn, or all of them, and return what was measured."""
    chosen = [victim for victim in VICTIMS if not victims or victim.name in victims]
    recoveries: list[Recovery] = []
    with _running_stack(population, folder) as stack:
        show("starting")
        wait_for(stack.is_healthy, "every part to be healthy", START_TIMEOUT, stack.log)
        releases = selected_releases_on_index(stack.pipeline)
        wait_for(lambda: stack.readers_have(releases), "the first publication", START_TIMEOUT)
        for victim in (NOTHING, *chosen):
            recovery = _measure(stack, victim)
            recoveries.append(recovery)
            recovery.judge(recoveries[0].published or 0.0)
            show(str(recovery))
    return recoveries


def recovery_table(recoveries: Sequence[Recovery]) -> Table:
    """Return the table to print."""
    table = Table(title="Recovery", title_justify="left", title_style="bold", pad_edge=False)
    for name in ("killed", "red after", "healthy after", "release published after", "problems"):
        table.add_column(name, overflow="fold")
    for each in recoveries:
        table.add_row(
            each.victim.name,
            format_seconds(each.red),
            format_seconds(each.green),
            format_seconds(each.published),
            "; ".join(each.problems),
        )
    return table


def format_seconds(seconds: float | None) -> str:
    """Return a time for people."""
    return "never" if seconds is None else f"{seconds:.1f} s"


def wait_for(
    is_true: Callable[[], bool], description: str, timeout: float, log: Path | None = None
) -> None:
    """Wait until a condition is true; fail with the end of the log after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not is_true():
        end = log.read_text("utf-8", "replace")[-3000:] if log else ""
        assert time.monotonic() < deadline, f"Waited {timeout:.0f} s for {description}\n{end}"
        time.sleep(POLL_INTERVAL)


def _measure(stack: Stack, victim: Victim) -> Recovery:
    recovery = Recovery(victim)
    wait_for(stack.is_healthy, "every part to be healthy", START_TIMEOUT, stack.log)
    releases = _publish_selected_release(stack)
    victim.kill(stack)
    killed = time.monotonic()
    while time.monotonic() - killed < CYCLE_TIMEOUT:
        seconds = time.monotonic() - killed
        if victim.noticed_by and recovery.red is None:
            if not stack.is_healthy(victim.noticed_by):
                recovery.red = seconds
        elif recovery.green is None and stack.is_healthy():
            recovery.green = seconds
        if recovery.published is None and stack.readers_have(releases):
            recovery.published = seconds
        if recovery.green is not None and recovery.published is not None:
            break
        time.sleep(POLL_INTERVAL)
    return recovery


def _publish_selected_release(stack: Stack) -> list[str]:
    """Publish releases until one is loaded by default, and return all of these."""
    before = selected_releases_on_index(stack.pipeline)
    while (releases := selected_releases_on_index(stack.pipeline)) == before:
        stack.site.publish()
    return releases


@contextmanager
def _running_stack(population: Population, folder: Path) -> Iterator[Stack]:
    home = folder / "home"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with run_site(population, folder) as site:
        # For the health check, which runs in this process.
        os.environ |= {"OUSPARK_HOME": str(home), "DAGSTER_HOME": str(ROOT)}
        stack = Stack(Pipeline(home, site.url), site, port, folder / "ui.log")
        try:
            stack.start()
            yield stack
        finally:
            stack.kill_everything()
            if stack.ui is not None:
                stack.ui.wait()
