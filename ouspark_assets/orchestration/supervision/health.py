"""The health check: calls user code, and asks daemon, sensors, databases and cache.

The checks of databases and cache are in `operations/health.py`, what Dagster recorded is in
`dagster_records.py`. Nothing is started. Dagster is imported only by the checks that need it: a
container calls user code every 30 s.
"""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ouspark_assets.domain.errors import SupervisionError
from ouspark_assets.operations.health import (
    HealthReport,
    Part,
    check_cache,
    check_database,
    check_part,
)
from ouspark_assets.orchestration.supervision.code_server import call_user_code, find_addresses
from ouspark_assets.orchestration.supervision.process_records import (
    UiFiles,
    check_monitor,
    check_processes,
)
from ouspark_assets.settings import ServerSettings, Settings
from ouspark_assets.warehouse.core.connection import Side

USER_CODE_TIMEOUT = 10.0


def check_health(
    settings: Settings,
    workspace: Path,
    parts: Collection[Part] = tuple(Part),
    code_server: str | None = None,
) -> HealthReport:
    """Check these parts; user code is called at `code_server`, or where the workspace says."""
    servers = settings.servers
    checks: Mapping[Part, Callable[[], str]] = {
        Part.CODE: partial(check_user_code, servers, workspace, code_server),
        Part.DAEMON: partial(_check_daemon, settings),
        Part.SENSORS: partial(_check_sensors, settings),
        Part.DEVELOPMENT: partial(check_database, servers, Side.DEVELOPMENT),
        Part.PRODUCTION: partial(check_database, servers, Side.PRODUCTION),
        Part.CACHE: partial(check_cache, servers),
        Part.PROCESSES: partial(check_processes, UiFiles(servers.home)),
        Part.MONITOR: partial(check_monitor, UiFiles(servers.home)),
    }
    checked = tuple(check_part(part, check) for part, check in checks.items() if part in parts)
    return HealthReport(datetime.now(UTC), checked)


def check_user_code(settings: ServerSettings, workspace: Path, code_server: str | None) -> str:
    """Call the user code of every code location."""
    addresses = (code_server,) if code_server else find_addresses(workspace, settings)
    if not addresses:
        message = (
            "No process executes user code. Start `ouspark ui`, or `dagster dev` with this "
            "OUSPARK_HOME."
        )
        raise SupervisionError(message)
    started = time.monotonic()
    for address in addresses:
        call_user_code(address, USER_CODE_TIMEOUT)
    return f"User code answers in {(time.monotonic() - started) * 1000:.0f} ms."


def _check_daemon(settings: Settings) -> str:
    from ouspark_assets.orchestration.supervision.dagster_records import check_daemon, open_records

    with open_records(settings) as instance:
        return check_daemon(instance)


def _check_sensors(settings: Settings) -> str:
    from ouspark_assets.orchestration.supervision.dagster_records import check_sensors, open_records

    with open_records(settings) as instance:
        return check_sensors(instance, settings.automation)
