"""The state of the configured and embedded servers of a home.

What belongs here: reading it without starting or creating anything. How it is shown is up to the
command line.
"""

import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ouspark_assets.domain.addresses import mask_url
from ouspark_assets.services.endpoints import SETTINGS_OF, ServerName, configured_addresses

if TYPE_CHECKING:
    from ouspark_assets.services.protocol import Response
    from ouspark_assets.settings import ServerSettings

DATA_FOLDERS: dict[ServerName, str] = {"postgres": "postgres", "redis": "valkey"}

State = Literal["configured", "stopped", "starting", "running", "failed"]


@dataclass(frozen=True)
class ServerStatus:
    """One address and the server behind it."""

    setting: str
    server: ServerName
    state: State
    address: str | None
    version: str | None = None
    pid: int | None = None
    uptime_seconds: float | None = None
    restarts: int = 0
    data_bytes: int | None = None
    problem: str | None = None

    @property
    def usable_address(self) -> str | None:
        """The address, if the server runs or was configured."""
        return self.address if self.state in ("running", "configured") else None


@dataclass(frozen=True)
class ServicesStatus:
    """All addresses of a home, and the supervisor of its embedded servers."""

    home: Path
    servers: tuple[ServerStatus, ...]
    supervisor_pid: int | None
    users: int
    kept: bool


def read_services_status(
    settings: "ServerSettings", *, show_secrets: bool = False
) -> ServicesStatus:
    """Return the status of every server; starts nothing."""
    response = _query(settings.home)
    known = configured_addresses(settings)
    servers = [
        _server_status(setting, server, known, response, settings.home)
        for server, names in SETTINGS_OF.items()
        for setting in names
    ]
    if not show_secrets:
        servers = [
            replace(server, address=server.address and mask_url(server.address))
            for server in servers
        ]
    return ServicesStatus(
        home=settings.home,
        servers=tuple(servers),
        supervisor_pid=response.supervisor_pid if response else None,
        users=response.users if response else 0,
        kept=response.kept if response else False,
    )


def _query(home: Path) -> "Response | None":
    if sys.platform == "win32":
        return None
    from ouspark_assets.services.client import query_supervisor
    from ouspark_assets.services.protocol import Request

    return query_supervisor(home, Request("status"))


def _server_status(
    setting: str,
    server: ServerName,
    known: dict[str, str],
    response: "Response | None",
    home: Path,
) -> ServerStatus:
    if setting in known:
        return ServerStatus(setting, server, "configured", known[setting])
    data = _data_bytes(home, server)
    reports = response.reports if response else ()
    report = next((report for report in reports if report.name == server), None)
    if response is None or report is None:
        return ServerStatus(setting, server, "stopped", None, data_bytes=data)
    return ServerStatus(
        setting=setting,
        server=server,
        state=report.state,
        address=response.addresses.get(setting),
        version=report.version,
        pid=report.pid,
        uptime_seconds=report.uptime_seconds,
        restarts=report.restarts,
        data_bytes=data,
        problem=report.problem,
    )


def _data_bytes(home: Path, server: ServerName) -> int | None:
    """Return the size of a server's data; files that disappear meanwhile are ignored."""
    if server not in DATA_FOLDERS:
        return None
    total = 0
    for path in (home / "services" / DATA_FOLDERS[server]).rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total
