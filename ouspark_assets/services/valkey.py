"""The embedded Valkey, a server with the protocol of Redis: on the loopback, with a password.

What belongs here: its configuration and start. It saves its data when it is stopped and loads them
when it is started. When it is killed, it loses the changes of at most the last minute.
"""

import secrets
import signal
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ouspark_assets.services.binaries import valkey_program
from ouspark_assets.services.child_process import read_output
from ouspark_assets.services.paths import PRIVATE_FOLDER, ServicePaths, write_private_file
from ouspark_assets.services.server_runner import LOOPBACK, Launch, choose_port, remember_port
from ouspark_assets.services.start_policy import MAX_PORT_ATTEMPTS

SECRET_BYTES = 24
REPLY_TIMEOUT = 1.0
CONFIGURATION = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
unixsocket "{socket}"
unixsocketperm 700
dir "{folder}"
dbfilename dump.rdb
save 60 1
appendonly no
shutdown-on-sigterm save force now
shutdown-on-sigint save force now
stop-writes-on-bgsave-error no
daemonize no
databases 16
tcp-backlog 128
"""


class Valkey:
    """Valkey of one home."""

    name = "redis"
    title = "Valkey"
    attempts = MAX_PORT_ATTEMPTS
    death_signal = signal.SIGTERM
    stop_steps: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 60.0),)

    def __init__(self, paths: ServicePaths, sockets: Path) -> None:
        """Describe the server of a home, with its socket in a private folder."""
        self._paths = paths
        self._socket = sockets / "valkey.sock"
        self._data = paths.data("valkey")
        self._port = 0
        self.version: str | None = None

    async def prepare(self, lock: int) -> Launch:  # noqa: ARG002 (required by the protocol)
        """Choose a port and write the configuration with the password."""
        program = str(valkey_program())
        printed = await read_output([program, "--version"], "self") or ""
        versions = [word for word in printed.split() if word.startswith("v=")]
        self.version = versions[0].removeprefix("v=") if versions else None
        self._data.mkdir(PRIVATE_FOLDER, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        self._port = choose_port(self._paths, self.name)
        configuration = CONFIGURATION.format(
            host=LOOPBACK,
            port=self._port,
            password=self._password(),
            socket=_quoted(self._socket),
            folder=_quoted(self._data),
        )
        path = self._data / "valkey.conf"
        write_private_file(path, configuration)
        return Launch([program, str(path)])

    def is_ready(self, pid: int) -> bool:
        """Return whether this process answers to the password and has loaded its data."""
        request = f"AUTH {self._password()}\r\nPING\r\nINFO server\r\nQUIT\r\n".encode()
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(REPLY_TIMEOUT)
                client.connect(str(self._socket))
                client.sendall(request)
                answer = b"".join(iter(partial(client.recv, 65536), b""))
        except OSError:
            return False
        return b"+PONG" in answer and f"process_id:{pid}\r\n".encode() in answer

    async def finish(self) -> None:
        """Record the port, so that the address is the same after a restart."""
        remember_port(self._paths, self.name, self._port)

    def addresses(self) -> dict[str, str]:
        """Return the URL with the password."""
        return {"redis_url": f"redis://:{self._password()}@{LOOPBACK}:{self._port}/0"}

    def _password(self) -> str:
        path = self._paths.data("redis.password")
        known = path.read_text("ascii").strip() if path.exists() else ""
        if known:
            return known
        password = secrets.token_hex(SECRET_BYTES)
        write_private_file(path, password)
        return password


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
