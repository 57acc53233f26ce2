"""The daemon's heartbeats and the ticks of sensors: fresh, old, failing, missing."""

import time
from collections.abc import Iterator, Mapping

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from ouspark_assets.domain.errors import SupervisionError
from ouspark_assets.orchestration.automation import all_sensors
from ouspark_assets.orchestration.supervision.dagster_records import check_daemon, check_sensors
from ouspark_assets.settings import AutomationSettings

SENSORS = [sensor.name for sensor in all_sensors(AutomationSettings())]
FAILURE = SerializableErrorInfo("Traceback\nValueError: no luck\n", [], "ValueError")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance with storage for the states of sensors, which an ephemeral one lacks."""
    overrides = {"run_coordinator": {"module": "dagster", "class": "QueuedRunCoordinator"}}
    with dg.instance_for_test(overrides=overrides) as instance:
        yield instance


def record_heartbeats(
    instance: dg.DagsterInstance,
    ages: Mapping[str, float],
    errors: Mapping[str, SerializableErrorInfo],
) -> None:
    """Record heartbeats of every daemon, 1 s old unless another age is given."""
    for kind in instance.get_required_daemon_types():
        at = time.time() - ages.get(kind, 1)
        found = [errors[kind]] if kind in errors else []
        instance.add_daemon_heartbeat(DaemonHeartbeat(at, kind, "1", found))


def record_tick(
    instance: dg.DagsterInstance,
    sensor: str,
    age: float = 1,
    error: SerializableErrorInfo | None = None,
    *,
    status: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE,
    location: str = "ouspark_assets",
) -> None:
    """Record the state of a sensor and a tick."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__")
    origin = RemoteInstigatorOrigin(repository, sensor)
    state = InstigatorState(origin, InstigatorType.SENSOR, status, SensorInstigatorData())
    if instance.get_instigator_state(origin.get_id(), state.selector_id) is None:
        instance.add_instigator_state(state)
    instance.create_tick(
        TickData(
            instigator_origin_id=origin.get_id(),
            instigator_name=sensor,
            instigator_type=InstigatorType.SENSOR,
            status=TickStatus.FAILURE if error else TickStatus.SKIPPED,
            timestamp=time.time() - age,
            selector_id=state.selector_id,
            error=error,
        )
    )


def test_a_daemon_with_fresh_heartbeats_is_healthy(instance: dg.DagsterInstance) -> None:
    record_heartbeats(instance, {}, {})
    assert "heartbeats, the oldest from 1 s ago" in check_daemon(instance)


@pytest.mark.parametrize(
    ("ages", "errors", "reason"),
    [
        ({"SENSOR": 125}, {}, "daemon SENSOR has been silent for 125 s"),
        ({}, {"SENSOR": FAILURE}, "daemon SENSOR fails: ValueError: no luck"),
    ],
)
def test_a_daemon_that_is_silent_or_fails_is_reported(
    instance: dg.DagsterInstance,
    ages: Mapping[str, float],
    errors: Mapping[str, SerializableErrorInfo],
    reason: str,
) -> None:
    record_heartbeats(instance, ages, errors)
    with pytest.raises(SupervisionError, match=reason):
        check_daemon(instance)


def test_a_daemon_that_never_ran_is_reported(instance: dg.DagsterInstance) -> None:
    with pytest.raises(SupervisionError, match="has never run"):
        check_daemon(instance)


def test_sensors_that_were_evaluated_recently_are_healthy(instance: dg.DagsterInstance) -> None:
    for name in SENSORS:
        record_tick(instance, name, age=1000, error=FAILURE, location="an-old-name")
        record_tick(instance, name, age=100, error=FAILURE)
        record_tick(instance, name)
    healthy = check_sensors(instance, AutomationSettings())
    assert healthy == f"{len(SENSORS)} sensors, all evaluated recently."


@pytest.mark.parametrize(
    ("age", "error", "reason"),
    [
        (215, None, "The sensor dead_runs was last evaluated 215 s ago"),
        (1, FAILURE, "The sensor dead_runs fails: ValueError: no luck"),
    ],
)
def test_a_sensor_that_is_late_or_fails_is_reported(
    instance: dg.DagsterInstance, age: float, error: SerializableErrorInfo | None, reason: str
) -> None:
    for name in SENSORS:
        is_other = name != "dead_runs"
        record_tick(instance, name, 1 if is_other else age, None if is_other else error)
    with pytest.raises(SupervisionError, match=reason):
        check_sensors(instance, AutomationSettings())


def test_a_sensor_without_any_tick_is_reported(instance: dg.DagsterInstance) -> None:
    for name in SENSORS[1:]:
        record_tick(instance, name)
    with pytest.raises(SupervisionError, match=f"{SENSORS[0]} has not been evaluated yet"):
        check_sensors(instance, AutomationSettings())


def test_sensors_that_were_switched_off_are_not_expected_to_be_evaluated(
    instance: dg.DagsterInstance,
) -> None:
    for name in SENSORS[1:]:
        record_tick(instance, name)
    record_tick(instance, SENSORS[0], age=9000, status=InstigatorStatus.STOPPED)
    healthy = check_sensors(instance, AutomationSettings())
    assert healthy == f"{len(SENSORS) - 1} sensors, all evaluated recently."


def test_without_automation_only_sensors_that_were_switched_on_are_expected(
    instance: dg.DagsterInstance,
) -> None:
    settings = AutomationSettings(automation=False)
    assert check_sensors(instance, settings) == "No sensor is switched on."
    record_tick(instance, "alerts", status=InstigatorStatus.RUNNING, age=9000)
    with pytest.raises(SupervisionError, match="The sensor alerts was last evaluated"):
        check_sensors(instance, settings)
