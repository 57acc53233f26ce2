"""The embedded Valkey, a server with the protocol of Redis: on the loopback, with a password.

What belongs here: its configuration and start. It appends every change to a file: a kill loses
nothing, a power cut at most the last second. Before it opens its port, its content is compared with
production, so that a restored older save is not served.
"""

import asyncio
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services.binaries import valkey_program
from ouspark_assets.services.child_process import child_environment, log_event, read_output
from ouspark_assets.services.paths import PRIVATE_FOLDER, ServicePaths, write_private_file
from ouspark_assets.services.server_runner import LOOPBACK, Launch, choose_port, remember_port
from ouspark_assets.services.start_policy import MAX_PORT_ATTEMPTS, POLL_INTERVAL

SECRET_BYTES = 24
REPLY_TIMEOUT = 10.0
COMPARE = (sys.executable, "-P", "-m", "ouspark_assets.cache.restored")
# Appending costs a prewarm no more than one save of the same keys would (100,000 keys of 1.4 kB: 1
# to 2 s), and unlike a save it leaves no moment at which a kill loses the generation.
CONFIGURATION = """\
bind {host}
port 0
protected-mode yes
requirepass {password}
unixsocket "{socket}"
unixsocketperm 700
dir "{folder}"
dbfilename dump.rdb
save ""
appendonly {appendonly}
appendfsync everysec
no-appendfsync-on-rewrite yes
shutdown-on-sigterm nosave force now
shutdown-on-sigint nosave force now
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

    def __init__(
        self,
        paths: ServicePaths,
        sockets: Path,
        find_production: Callable[[], Awaitable[str | None]],
    ) -> None:
        """Describe the server of a home, with its socket in a private folder.

        `find_production` returns the address of the database that the cache was made from.
        """
        self._paths = paths
        self._find_production = find_production
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
            appendonly="no" if self._has_only_snapshot() else "yes",
            password=self._password(),
            socket=_quoted(self._socket),
            folder=_quoted(self._data),
        )
        path = self._data / "valkey.conf"
        write_private_file(path, configuration)
        return Launch([program, str(path)])

    def is_ready(self, pid: int) -> bool:
        """Return whether this process answers to the password and has loaded its data."""
        try:
            answer = self._request("PING", "INFO server")
        except OSError:
            return False
        return "+PONG" in answer and f"process_id:{pid}\r\n" in answer

    async def finish(self) -> None:
        """Compare the content with production, then open the port and record it.

        The address is the same after a restart.
        """
        if self._has_only_snapshot():
            await self._begin_appending()
        if ":0\r\n" not in self._request("DBSIZE"):
            await self._compare_with_production()
        opened = self._request(f"CONFIG SET port {self._port}")
        if opened.count("+OK") != len(("AUTH", "CONFIG", "QUIT")):
            message = f"{self.title} can't listen on port {self._port}"
            raise ServiceError(message)
        remember_port(self._paths, self.name, self._port)

    def addresses(self) -> dict[str, str]:
        """Return the URL with the password."""
        return {"redis_url": f"redis://:{self._password()}@{LOOPBACK}:{self._port}/0"}

    async def _compare_with_production(self) -> None:
        """Withhold a generation that is older than the one readers were last shown.

        If production can't be reached, the cache is served: readers keep what they have.
        """
        try:
            production = await self._find_production()
        except ServiceError as error:
            log_event(f"The cache could not be compared with production: {error}")
            return
        if production is None:
            return
        address = f"unix://:{self._password()}@{self._socket}"
        process = await asyncio.create_subprocess_exec(
            *COMPARE,
            stdin=asyncio.subprocess.PIPE,
            cwd="/",
            env=child_environment(production),
        )
        await process.communicate(address.encode())
        if process.returncode != 0:
            log_event("The cache could not be compared with production.")

    def _has_only_snapshot(self) -> bool:
        """Return whether an earlier version left a snapshot and no file of changes."""
        manifest = self._data / "appendonlydir" / "appendonly.aof.manifest"
        return (self._data / "dump.rdb").exists() and not manifest.exists()

    async def _begin_appending(self) -> None:
        """Write what a snapshot contained to the file of changes, then delete the snapshot."""
        self._request("CONFIG SET appendonly yes")
        while self._has_only_snapshot():  # noqa: ASYNC110 (the server reports no event)
            await asyncio.sleep(POLL_INTERVAL)
        (self._data / "dump.rdb").unlink()

    def _request(self, *commands: str) -> str:
        """Return the answers to commands over the socket."""
        lines = (f"AUTH {self._password()}", *commands, "QUIT")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(REPLY_TIMEOUT)
            client.connect(str(self._socket))
            client.sendall("".join(f"{line}\r\n" for line in lines).encode())
            return b"".join(iter(partial(client.recv, 65536), b"")).decode()

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
