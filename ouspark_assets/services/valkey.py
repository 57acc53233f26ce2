"""The embedded Valkey, which speaks the protocol of Redis: on the loopback, with a password.

What belongs here: how it is configured and started. It saves when it is stopped and loads when it
is started; a minute at most is lost when it is killed.
"""

import secrets
import signal
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ouspark_assets.services import binaries
from ouspark_assets.services import child_process as process
from ouspark_assets.services.paths import Places, write_private
from ouspark_assets.services.server import LOOPBACK, Launch, free_port, remember_port

SECRET_BYTES = 24
ANSWER_SECONDS = 1.0
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
    # More than one, because the port may be taken between choosing and using it.
    attempts = 3
    death_signal = signal.SIGTERM
    stop_steps: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 60.0),)

    def __init__(self, places: Places, sockets: Path) -> None:
        """Of a home, with its socket in a private folder."""
        self._places = places
        self._socket = sockets / "valkey.sock"
        self._data = places.data("valkey")
        self._port = 0
        self.version: str | None = None

    async def prepare(self, lock: int) -> Launch:  # noqa: ARG002 (part of the shape)
        """Choose a port and write the configuration, which alone knows the password."""
        program = str(binaries.valkey_program())
        self.version = await _version(program)
        self._data.mkdir(0o700, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        self._port = free_port(self._places, self.name)
        configuration = CONFIGURATION.format(
            host=LOOPBACK,
            port=self._port,
            password=self._password(),
            socket=_quoted(self._socket),
            folder=_quoted(self._data),
        )
        path = self._data / "valkey.conf"
        write_private(path, configuration)
        return Launch([program, str(path)])

    def is_ready(self, pid: int) -> bool:
        """Whether this very process answers with the password, its data loaded."""
        request = f"AUTH {self._password()}\r\nPING\r\nINFO server\r\nQUIT\r\n".encode()
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(ANSWER_SECONDS)
                client.connect(str(self._socket))
                client.sendall(request)
                answer = b"".join(iter(partial(client.recv, 65536), b""))
        except OSError:
            return False
        return b"+PONG" in answer and f"process_id:{pid}\r\n".encode() in answer

    async def finish(self) -> None:
        """Remember the port, now that it worked."""
        remember_port(self._places, self.name, self._port)

    def addresses(self) -> dict[str, str]:
        """The URL, with the password."""
        return {"redis_url": f"redis://:{self._password()}@{LOOPBACK}:{self._port}/0"}

    def _password(self) -> str:
        path = self._places.data("redis.password")
        known = path.read_text("ascii").strip() if path.exists() else ""
        if known:
            return known
        password = secrets.token_hex(SECRET_BYTES)
        write_private(path, password)
        return password


async def _version(program: str) -> str | None:
    printed = await process.output([program, "--version"], "self")
    found = [word for word in (printed or "").split() if word.startswith("v=")]
    return found[0].removeprefix("v=") if found else None


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
