"""What Dagster's daemon and sensors have recorded: heartbeats and ticks, and how old they are.

Reads Dagster's storage, never its webserver, which answers even when user code is gone.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from ouspark_assets.domain.errors import SupervisionError
from ouspark_assets.orchestration.storage.instance_storage import storage_errors
from ouspark_assets.settings import AutomationSettings, Settings
from ouspark_assets.warehouse.core.connection import first_line

# The daemon writes heartbeats every 30 s. Dagster's own liveness check accepts half an hour.
MAX_HEARTBEAT_AGE = 120.0
# A tick that takes longer than a minute is ended; the daemon needs another minute to restart.
MAX_TICK_DELAY = 120.0
MAX_MISSED_TICKS = 3
# How Dagster stores whether a sensor is switched on.
DECLARED_IN_CODE, RUNNING = "DECLARED_IN_CODE", "RUNNING"


@dataclass(frozen=True)
class Tick:
    """The latest evaluation of a sensor."""

    at: float
    error: str | None


@contextmanager
def open_records(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open Dagster's records; raise an error if there are none yet or the server is down."""
    if settings.runs.dagster_dsn is None and not (settings.servers.home / "dagster").exists():
        # Opening the instance would create files.
        message = "Dagster has never run with this OUSPARK_HOME."
        raise SupervisionError(message)
    try:
        with dg.DagsterInstance.get() as instance:
            yield instance
    except storage_errors() as error:
        message = f"Dagster's records cannot be read: {first_line(error)}."
        raise SupervisionError(message) from error


def check_daemon(instance: dg.DagsterInstance) -> str:
    """Check that each of the daemon's threads wrote a heartbeat recently and without errors."""
    required = instance.get_required_daemon_types()
    heartbeats = instance.get_daemon_heartbeats()
    now = time.time()
    for kind in required:
        heartbeat = heartbeats.get(kind)
        if heartbeat is None:
            message = f"Dagster's daemon {kind} has never run. Start `ouspark ui` or the daemon."
            raise SupervisionError(message)
        if now - heartbeat.timestamp > MAX_HEARTBEAT_AGE:
            message = f"Dagster's daemon {kind} has been silent for {_age(heartbeat.timestamp)}."
            raise SupervisionError(message)
        if heartbeat.errors:
            reason = heartbeat.errors[0].message.strip().splitlines()[-1]
            message = f"Dagster's daemon {kind} fails: {reason}"
            raise SupervisionError(message)
    oldest = min(heartbeats[kind].timestamp for kind in required)
    return f"{len(required)} heartbeats, the oldest from {_age(oldest)} ago."


def check_sensors(instance: dg.DagsterInstance, settings: AutomationSettings) -> str:
    """Check that every sensor that is switched on was evaluated recently and did not fail."""
    # Imports the whole graph, which the other checks do without.
    from ouspark_assets.orchestration.automation import all_sensors

    intervals = {
        sensor.name: float(sensor.minimum_interval_seconds or 0) for sensor in all_sensors(settings)
    }
    latest, switches = _read_sensors(instance, intervals)
    running = {name for name in intervals if switches.get(name, settings.automation)}
    for name in sorted(running):
        tick = latest.get(name)
        if tick is None:
            message = f"The sensor {name} has not been evaluated yet."
            raise SupervisionError(message)
        if time.time() - tick.at > MAX_MISSED_TICKS * intervals[name] + MAX_TICK_DELAY:
            message = f"The sensor {name} was last evaluated {_age(tick.at)} ago."
            raise SupervisionError(message)
        if tick.error is not None:
            message = f"The sensor {name} fails: {tick.error}"
            raise SupervisionError(message)
    if not running:
        return "No sensor is switched on."
    return f"{len(running)} sensors, all evaluated recently."


def _read_sensors(
    instance: dg.DagsterInstance, names: Collection[str]
) -> tuple[dict[str, Tick], dict[str, bool]]:
    """Return the latest tick of sensors, and whether they were switched on or off in the UI."""
    latest: dict[str, Tick] = {}
    switches: dict[str, bool] = {}
    for state in instance.all_instigator_state():
        name, status = state.name, state.status.value
        if name not in names:
            continue
        if status != DECLARED_IN_CODE:
            switches[name] = status == RUNNING
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1):
            # A sensor has several states if the code location was renamed.
            if name not in latest or tick.timestamp > latest[name].at:
                # What the sensor raised is the cause of Dagster's own error.
                error = tick.error and (tick.error.cause or tick.error)
                reason = error.message.strip().splitlines()[-1] if error else None
                latest[name] = Tick(tick.timestamp, reason)
    return latest, switches


def _age(timestamp: float) -> str:
    return f"{max(time.time() - timestamp, 0):.0f} s"
