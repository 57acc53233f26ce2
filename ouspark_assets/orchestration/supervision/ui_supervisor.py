"""`ouspark ui`: code server, webserver, daemon and monitor, each restarted when it ends.

`dagster dev` ends as a whole when one of them is killed. What the processes do is elsewhere; what
is recorded about them is in `process_records.py`.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ouspark_assets.domain.errors import SupervisionError
from ouspark_assets.orchestration.supervision.code_server import (
    CodeServer,
    call_user_code,
    read_code_server,
)
from ouspark_assets.orchestration.supervision.process_records import (
    ProcessRecord,
    UiFiles,
    kill_process_group,
)
from ouspark_assets.services.paths import create_folders, create_socket_folder
from ouspark_assets.settings import ServerSettings

LOCATION = "ouspark_assets"
DEFINITIONS = "ouspark_assets.definitions"
CODE = "code"
POLL_INTERVAL = 0.2
# The first restart is immediate. A process that ends again before it was stable waits 1, 2, 4 … s.
STABLE_SECONDS = 60.0
MAX_RESTART_DELAY = 30.0
# Webserver and daemon load the graph when they start. They try again, so exceeding it is harmless.
CODE_START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
# User code that was answering and stops to is killed after this many calls in vain.
CALL_INTERVAL = 10.0
CALL_TIMEOUT = 5.0
MAX_CALLS_IN_VAIN = 6


@dataclass
class SupervisedProcess:
    """A process that is started again whenever it ends."""

    name: str
    command: Sequence[str]
    files: UiFiles
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    quick_ends: int = 0
    restart_at: float = 0.0
    last_end: str | None = None

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C in the terminal is for the supervisor."""
        lock = self.files.lock_process(self.name)
        try:
            self.process = subprocess.Popen(  # noqa: S603 (our own commands)
                self.command, start_new_session=True, pass_fds=[lock]
            )
        finally:
            os.close(lock)
        self.started = time.time()

    def restart_if_ended(self) -> bool:
        """Notice the end of the process, or start it again when that is due; return if either."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return False
            self.process = None
            self.last_end = f"signal {-code}" if code < 0 else f"exit code {code}"
            is_quick = time.time() - self.started < STABLE_SECONDS
            self.quick_ends = self.quick_ends + 1 if is_quick else 0
            delay = min(2.0 ** (self.quick_ends - 2), MAX_RESTART_DELAY)
            self.restart_at = time.monotonic() + (delay if self.quick_ends > 1 else 0)
            return True
        if time.monotonic() < self.restart_at:
            return False
        self.start()
        self.restarts += 1
        return True

    @property
    def record(self) -> ProcessRecord:
        """What is recorded about it."""
        pid = self.process.pid if self.process else 0
        return ProcessRecord(self.name, pid, self.started, self.restarts, self.last_end)


@dataclass
class HangDetector:
    """Kills user code that has stopped to answer; its end is noticed as any other."""

    settings: ServerSettings
    server: CodeServer | None = None
    has_answered: bool = False
    calls_in_vain: int = 0
    next_call: float = field(default_factory=time.monotonic)

    def call(self) -> bool:
        """Call user code if that is due; return whether it was killed."""
        if time.monotonic() < self.next_call:
            return False
        self.next_call = time.monotonic() + CALL_INTERVAL
        server = read_code_server(self.settings)
        if server != self.server:
            self.server, self.has_answered, self.calls_in_vain = server, False, 0
        if server is None:
            return False
        try:
            call_user_code(server.address, CALL_TIMEOUT)
        except SupervisionError:
            # The first answer takes as long as loading the definitions.
            self.calls_in_vain += self.has_answered
        else:
            self.has_answered, self.calls_in_vain = True, 0
        if self.calls_in_vain < MAX_CALLS_IN_VAIN:
            return False
        os.kill(server.pid, signal.SIGKILL)
        self.calls_in_vain = 0
        return True


def supervise_ui(
    settings: ServerSettings, host: str, port: int, notify: Callable[[str], None]
) -> None:
    """Run the UI and everything behind it until SIGINT, SIGTERM or SIGHUP."""
    files = UiFiles(settings.home)
    sockets = create_socket_folder(create_folders(settings.home))
    files.create()
    lock = files.lock_supervisor()
    if lock is None:
        message = (
            f"`ouspark ui` is already running for {settings.home}. Stop it first, or set "
            "OUSPARK_HOME to another folder."
        )
        raise SupervisionError(message)
    try:
        end_leftovers(files)
        refuse_used_port(host, port)
        code_socket = sockets / "code.sock"
        write_workspace(files.workspace, code_socket)
        commands = list_commands(files.workspace, code_socket, host, port)
        own_command = [str(program("ouspark")), "ui", "--host", host, "--port", str(port)]
        processes = [SupervisedProcess(*item, files) for item in commands.items()]
        notify(f"The Dagster UI will be at http://{host}:{port} in a moment. Ctrl-C stops it.")
        try:
            _run(processes, HangDetector(settings), own_command, code_socket, notify)
        finally:
            files.forget()
            stop_processes(processes)
    finally:
        os.close(lock)


def list_commands(workspace: Path, code_socket: Path, host: str, port: int) -> dict[str, list[str]]:
    """Return the command of each process, in the order in which they are started."""
    module = [sys.executable, "-m"]
    return {
        # Reloads definitions on request of the UI, unlike `dagster api grpc`.
        CODE: [
            *(*module, "dagster", "code-server", "start", "--socket", str(code_socket)),
            *("-m", DEFINITIONS, "--location-name", LOCATION, "--log-level", "warning"),
        ],
        "webserver": [
            *(*module, "dagster_webserver", "-w", str(workspace)),
            *("-h", host, "-p", str(port)),
        ],
        "daemon": [*module, "dagster._daemon", "run", "-w", str(workspace)],
        "monitor": [str(program("ouspark")), "health", "--watch"],
    }


def program(name: str) -> Path:
    """Return a command of this environment."""
    return Path(sys.executable).with_name(name)


def write_workspace(path: Path, code_socket: Path) -> None:
    """Write the workspace file that names the socket of the code server."""
    server = {"socket": str(code_socket), "location_name": LOCATION}
    path.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")


def refuse_used_port(host: str, port: int) -> None:
    """Raise an error if another process listens at the address of the UI."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        message = f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --port."
        raise SupervisionError(message) from error


def end_leftovers(files: UiFiles) -> None:
    """End the processes of a supervisor that was killed."""
    _, records = files.read() or ([], [])
    alive = [record for record in records if files.is_alive(record)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for record in alive:
            # Not the whole group: a run that is in progress may finish.
            os.kill(record.pid, number)
        deadline = time.monotonic() + STOP_TIMEOUT
        while alive := [record for record in alive if files.is_alive(record)]:
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_INTERVAL)


def stop_processes(processes: Sequence[SupervisedProcess]) -> None:
    """End the processes with everything that they started, as Ctrl-C in a terminal does."""
    running = [each.process for each in processes if each.process is not None]
    deadline = time.monotonic() + STOP_TIMEOUT
    for process in running:
        kill_process_group(process.pid, signal.SIGINT)
    for process in running:
        try:
            process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            kill_process_group(process.pid, signal.SIGKILL)
            process.wait()


def _run(
    processes: Sequence[SupervisedProcess],
    detector: HangDetector,
    command: list[str],
    code_socket: Path,
    notify: Callable[[str], None],
) -> None:
    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: stop.append(received))
    files = processes[0].files
    code_socket.unlink(missing_ok=True)
    code_deadline = time.monotonic() + CODE_START_TIMEOUT
    started: list[SupervisedProcess] = []
    while not stop:
        has_changed = False
        if len(started) < len(processes) and (
            not started or code_socket.exists() or time.monotonic() > code_deadline
        ):
            each = processes[len(started)]
            each.start()
            started.append(each)
            has_changed = True
        for each in started:
            if each.restart_if_ended():
                has_changed = True
                if each.process is None:
                    notify(f"The process {each.name} ended with {each.last_end}. Restarting it.")
        if has_changed:
            files.write(command, [each.record for each in started])
        if detector.call():
            notify("User code does not answer and was killed. Restarting it.")
        time.sleep(POLL_INTERVAL)
