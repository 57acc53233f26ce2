"""The process that executes user code: its record in the home, its guard, and a call into it.

Every process that loads the definitions calls `register_code_server`, which does something only in
`dagster api grpc`. Imports nothing of Dagster, so that a health check starts quickly.
"""

import argparse
import atexit
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
import yaml

from ouspark_assets.domain.errors import SupervisionError
from ouspark_assets.orchestration.supervision import user_code_guard
from ouspark_assets.services.file_locks import is_locked, lock_descriptor
from ouspark_assets.settings import ServerSettings

USER_CODE_COMMAND = ["api", "grpc"]
PROXY_COMMAND = "code-server"
EVERY_INTERFACE = ("0.0.0.0", "::")  # noqa: S104 (recognised, not bound)
# Answered by the process that has loaded the definitions; a code server passes it on.
LIST_REPOSITORIES = "/api.DagsterApi/ListRepositories"
LOAD_ERROR = b'"SerializableErrorInfo"'


@dataclass(frozen=True)
class CodeServer:
    """A process that executes user code, as it recorded itself in the home."""

    # As gRPC writes it: `host:port` or `unix:/path`.
    address: str
    pid: int
    started: float


def register_code_server(settings: ServerSettings) -> None:
    """Record this process if it serves user code, and have its end noticed.

    Run workers are started by that process with the same arguments; they are not recorded.
    """
    if sys.argv[1:3] != USER_CODE_COMMAND or multiprocessing.parent_process() is not None:
        return
    _record(settings, CodeServer(_served_address(sys.argv[3:]), os.getpid(), time.time()))
    if _is_proxy(os.getppid()):
        _start_guard(os.getppid())


def read_code_server(settings: ServerSettings) -> CodeServer | None:
    """Return the running code server of a home; None if it has ended or none was recorded."""
    path = _record_path(settings)
    try:
        record = CodeServer(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    return record if is_locked(path) else None


def find_addresses(workspace: Path, settings: ServerSettings) -> tuple[str, ...]:
    """Return the code servers that a workspace file names; without any, the recorded one."""
    named = []
    if workspace.is_file():
        targets = (yaml.safe_load(workspace.read_text("utf-8")) or {}).get("load_from") or []
        servers = [target["grpc_server"] for target in targets if "grpc_server" in target]
        named = [
            f"unix:{server['socket']}"
            if "socket" in server
            else f"{server.get('host', 'localhost')}:{server['port']}"
            for server in servers
        ]
    recorded = None if named else read_code_server(settings)
    return (recorded.address,) if recorded else tuple(named)


def call_user_code(address: str, timeout: float) -> None:
    """Call the process that has loaded the definitions.

    Raise SupervisionError if it does not answer in time, or could not load them.
    """
    # A proxy for web requests must not get what is sent to the loopback or an internal network.
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(address, options=options) as channel:
        try:
            answer: bytes = channel.unary_unary(LIST_REPOSITORIES)(b"", timeout=timeout)
        except grpc.RpcError as error:
            reason = str(error.details()).strip().splitlines()[0]
            message = f"User code at {address} does not answer ({reason})."
            raise SupervisionError(message) from error
    if LOAD_ERROR in answer:
        # A length in protobuf's own format precedes the JSON.
        error_info = json.loads(answer[answer.index(b"{") :])
        reason = str(error_info["message"]).strip().splitlines()[-1]
        message = f"User code at {address} could not be loaded: {reason}"
        raise SupervisionError(message)


def _record_path(settings: ServerSettings) -> Path:
    return settings.home / "dagster" / "code_server.json"


def _record(settings: ServerSettings, server: CodeServer) -> None:
    """Write the record, and hold a lock on it for as long as this process lives."""
    path = _record_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
    # Locked before it gets its name: nobody ever sees the record of a living process unlocked.
    lock_descriptor(descriptor)
    os.write(descriptor, json.dumps(asdict(server)).encode())
    Path(temporary).rename(path)


def _served_address(arguments: list[str]) -> str:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-s", "--socket")
    parser.add_argument("-p", "--port")
    parser.add_argument("-h", "--host", default="localhost")
    given, _ = parser.parse_known_args(arguments)
    host = "localhost" if given.host in EVERY_INTERFACE else given.host
    return f"unix:{given.socket}" if given.socket else f"{host}:{given.port}"


def _is_proxy(pid: int) -> bool:
    """Return whether a process is a `dagster code-server`."""
    recorded = Path(f"/proc/{pid}/cmdline")
    if recorded.exists():
        return PROXY_COMMAND.encode() in recorded.read_bytes().split(b"\0")
    command = ["ps", "-o", "args=", "-p", str(pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (a number)
    return PROXY_COMMAND in listed.stdout.split()


def _start_guard(proxy: int) -> None:
    # The pipe is closed when this process ends, however that happens. Only a normal end, e.g. when
    # definitions are reloaded in the UI, writes to it before.
    reader, writer = os.pipe()
    command = [sys.executable, "-I", "-S", user_code_guard.__file__, str(proxy)]
    guard = subprocess.Popen(command, stdin=reader, start_new_session=True)  # noqa: S603 (our own script)
    os.close(reader)
    atexit.register(os.write, writer, user_code_guard.ENDED_NORMALLY)
    # Keeps the object, whose destruction would complain that the guard is still running.
    atexit.register(guard.poll)
