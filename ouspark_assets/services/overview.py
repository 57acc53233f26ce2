"""What runs where: the configured and the embedded servers of a home at a moment.

What belongs here: gathering it without starting or creating anything. How it is shown is the
command line's business.
"""

import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ouspark_assets.domain.addresses import mask_url
from ouspark_assets.services.endpoints import (
    SETTINGS_OF,
    ServerName,
    configured,
)

if TYPE_CHECKING:
    from ouspark_assets.services.protocol import Answer
    from ouspark_assets.settings import ServerSettings

DATA_FOLDERS: dict[ServerName, str] = {"postgres": "postgres", "redis": "valkey"}

State = Literal["configured", "stopped", "starting", "running", "failed"]


@dataclass(frozen=True)
class ServerOverview:
    """One address in use and the server behind it."""

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


@dataclass(frozen=True)
class Overview:
    """Every address, and who uses the embedded servers."""

    home: Path
    servers: tuple[ServerOverview, ...]
    supervisor_pid: int | None
    users: int
    kept: bool


def overview(settings: "ServerSettings", *, show_secrets: bool = False) -> Overview:
    """Look at everything; nothing is started."""
    answer = _answer(settings.home)
    known = configured(settings)
    rows = [
        _row(setting, server, known, answer, settings.home)
        for server, names in SETTINGS_OF.items()
        for setting in names
    ]
    if not show_secrets:
        rows = [replace(row, address=row.address and mask_url(row.address)) for row in rows]
    return Overview(
        home=settings.home,
        servers=tuple(rows),
        supervisor_pid=answer.supervisor_pid if answer else None,
        users=answer.users if answer else 0,
        kept=answer.kept if answer else False,
    )


def _answer(home: Path) -> "Answer | None":
    if sys.platform == "win32":
        return None
    from ouspark_assets.services.client import question
    from ouspark_assets.services.protocol import Question

    return question(home, Question("status"))


def _row(
    setting: str,
    server: ServerName,
    known: dict[str, str],
    answer: "Answer | None",
    home: Path,
) -> ServerOverview:
    if setting in known:
        return ServerOverview(setting, server, "configured", known[setting])
    data = _data_bytes(home, server)
    report = (
        next((found for found in answer.reports if found.name == server), None) if answer else None
    )
    if answer is None or report is None:
        return ServerOverview(setting, server, "stopped", None, data_bytes=data)
    return ServerOverview(
        setting=setting,
        server=server,
        state=report.state,
        address=answer.addresses.get(setting),
        version=report.version,
        pid=report.pid,
        uptime_seconds=report.uptime_seconds,
        restarts=report.restarts,
        data_bytes=data,
        problem=report.problem,
    )


def _data_bytes(home: Path, server: ServerName) -> int | None:
    """The size of what a server keeps; files may come and go while we look."""
    if server not in DATA_FOLDERS:
        return None
    total = 0
    for path in (home / "services" / DATA_FOLDERS[server]).rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total
