"""The sensor, and the evaluation at the end of a command, with failing runs and real receivers."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ouspark_assets.domain.errors import AlertsError, OuSparkError, UsageError
from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.deliveries import make_all_due
from ouspark_assets.orchestration.automation.alert_evaluation import alert_sensor, alerts_after
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.settings import load_settings
from ouspark_assets_tests.operations.alerts.pipeline_events import (
    FailingAssets,
    load_index,
    record_load,
)
from ouspark_assets_tests.operations.alerts.receivers import WebReceiver, web_receiver
from ouspark_assets_tests.support.stores import RELEASE, UNREACHABLE_DSN, Stores

RULES = """\
channels:
  program: {type: webhook, url: "${PROGRAM}"}
  students: {type: push, app: "${APP}", key: "${APP}", url: "${PROGRAM}"}
rules:
  - {name: failed, when: run_failed, severity: critical, channels: program}
  - {name: check, when: check_failed, severity: critical, channels: program}
  - {name: live, when: results_live, severity: info, channels: students}
"""


@pytest.fixture(autouse=True)
def unreachable_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make both databases and the cache unreachable, unless a test uses their fixtures."""
    monkeypatch.setenv("OUSPARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OUSPARK_REDIS_URL", "redis://127.0.0.1:1")
    for name in ("OUSPARK_DEV_DSN", "OUSPARK_PROD_DSN"):
        monkeypatch.setenv(name, UNREACHABLE_DSN)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebReceiver]:
    """A webhook receiver, and a rules file that uses it."""
    (tmp_path / "rules.yaml").write_text(RULES)
    with web_receiver() as receiver:
        monkeypatch.setenv("OUSPARK_ALERT_RULES", str(tmp_path / "rules.yaml"))
        monkeypatch.setenv("PROGRAM", receiver.url)
        monkeypatch.setenv("APP", "app-id-1")
        yield receiver


def evaluate_sensor(instance: dg.DagsterInstance) -> str:
    """Evaluate the sensor as the daemon does, and return its message."""
    definitions = build_definitions()
    with dg.build_sensor_context(
        instance=instance, definitions=definitions, resources=dict(definitions.resources or {})
    ) as context:
        tick: Any = alert_sensor(load_settings().automation).evaluate_tick(context)
    assert not tick.run_requests
    return str(tick.skip_message)


def test_a_failed_check_and_its_recovery_are_sent_once(
    instance: dg.DagsterInstance, program: WebReceiver
) -> None:
    assets = FailingAssets()
    for passed in (False, True):
        assets.set_check_result(passed=passed)
        assets.run(instance)
        evaluate_sensor(instance)
    assert [(body["event"], body["headline"]) for body in program.accepted] == [
        ("begun", "Check failed: fits_its_model of clean/marks"),
        ("over", "Check failed: fits_its_model of clean/marks"),
    ]


@pytest.mark.usefixtures("store_addresses")
def test_a_failed_run_and_its_recovery_are_sent_once(
    instance: dg.DagsterInstance, program: WebReceiver
) -> None:
    assets = FailingAssets()
    run = assets.run(instance)
    assert evaluate_sensor(instance) == "1 alert open, 1 message delivered."
    assert evaluate_sensor(instance) == "1 alert open."
    assets.error = None
    assets.run(instance)
    assert evaluate_sensor(instance) == "0 alerts open, 1 message delivered."
    opened, recovered = program.accepted
    assert (opened["event"], opened["severity"]) == ("begun", "critical")
    assert opened["headline"] == "Run failed: clean/marks"
    assert opened["details"] == {"Why": "ValueError: boom", "Run": run[:8]}
    assert (recovered["event"], recovered["alert"]) == ("over", opened["alert"])


def test_a_failed_run_is_sent_while_no_database_is_reachable(
    instance: dg.DagsterInstance, program: WebReceiver
) -> None:
    FailingAssets().run(instance)
    line = evaluate_sensor(instance)
    assert line.startswith("1 alert open, 1 message delivered; The production database can't be")
    assert "; The cache can't be reached" in line
    assert "; The development database can't be reached" in line
    assert [body["headline"] for body in program.accepted] == ["Run failed: clean/marks"]


def test_a_message_that_was_refused_is_sent_by_a_later_evaluation(
    instance: dg.DagsterInstance, program: WebReceiver
) -> None:
    program.statuses = [503]
    FailingAssets().run(instance)
    assert evaluate_sensor(instance).startswith("1 alert open; program: answered 503;")
    program.statuses = [200]
    assert evaluate_sensor(instance).startswith("1 alert open;")
    assert program.accepted == []
    make_all_due(AlertStore.in_home(load_settings().servers.home), time.time())
    assert "1 message delivered" in evaluate_sensor(instance)
    assert len(program.accepted) == 1


def test_students_are_told_that_results_are_live(
    instance: dg.DagsterInstance, program: WebReceiver, stores: Stores
) -> None:
    before = datetime.now(UTC) - timedelta(days=9)
    load_index(stores.development, {"release": "20250101", "first_seen_at": before})
    record_load(stores.development, "20250101", 10)
    stores.load(1)
    stores.publish()
    stores.prewarm()
    assert evaluate_sensor(instance) == "0 alerts open."
    load_index(
        stores.development,
        {"release": "20250101", "first_seen_at": before},
        {"release": RELEASE, "first_seen_at": datetime.now(UTC)},
    )
    record_load(stores.development, RELEASE, 1204)
    stores.load(2)
    stores.publish()
    evaluate_sensor(instance)
    assert program.accepted == []
    stores.prewarm()
    evaluate_sensor(instance)
    evaluate_sensor(instance)
    (pushed,) = program.accepted
    assert pushed["contents"]["en"] == (
        "B.E. (CBCS) I Sem. (Main) Feb-2025 Results: the results of 1,204 students are available."
    )


def test_an_invalid_rules_file_is_one_line_in_the_ui(
    instance: dg.DagsterInstance, program: WebReceiver, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES.replace("run_failed", "run_fails"))
    with pytest.raises(AlertsError, match=r"rules\.yaml, line 5: when must be one of"):
        evaluate_sensor(instance)


@dataclass
class Terminal:
    """A command on the terminal, and the lines about alerts that it prints."""

    instance: dg.DagsterInstance
    lines: list[str] = field(default_factory=list)

    def run(self, work: Callable[[], object]) -> list[str]:
        """Run a function as the command, and return the new lines."""
        before = len(self.lines)
        with (
            suppress(OuSparkError, ZeroDivisionError, KeyboardInterrupt),
            alerts_after(self.instance, build_definitions(), "ouspark run", self.lines.append),
        ):
            work()
        return self.lines[before:]


@pytest.fixture
def terminal(instance: dg.DagsterInstance) -> Terminal:
    return Terminal(instance)


def fail(error: BaseException) -> None:
    raise error


def test_a_command_sends_the_alerts_that_a_daemon_would(
    terminal: Terminal, program: WebReceiver
) -> None:
    assets = FailingAssets()

    def run() -> None:
        assets.run(terminal.instance)
        if assets.error:
            fail(OuSparkError("clean/marks: ValueError: boom (run 243eafeb)"))

    assert terminal.run(run) == []
    assert [body["headline"] for body in program.accepted] == ["Run failed: clean/marks"]
    assets.error = None
    assert terminal.run(run) == []
    assert program.accepted[-1]["event"] == "over"


def test_a_command_that_fails_before_any_run_is_an_alert_itself(
    terminal: Terminal, program: WebReceiver
) -> None:
    error = OuSparkError("The development database can't be reached: connection refused.")
    terminal.run(lambda: fail(error))
    terminal.run(lambda: fail(ZeroDivisionError()))
    (body,) = program.accepted
    assert (body["headline"], body["details"]["Why"]) == ("`ouspark run` failed", str(error))
    terminal.run(lambda: None)
    assert [body["event"] for body in program.accepted] == ["begun", "over"]


def test_an_interrupted_command_sends_nothing(terminal: Terminal, program: WebReceiver) -> None:
    terminal.run(lambda: fail(KeyboardInterrupt()))
    assert program.requests == []


def test_a_typing_error_neither_opens_nor_ends_an_alert(
    terminal: Terminal, program: WebReceiver
) -> None:
    terminal.run(lambda: fail(UsageError("Release nosuch is not known.")))
    assert program.requests == []
    terminal.run(lambda: fail(OuSparkError("The development database can't be reached.")))
    terminal.run(lambda: fail(UsageError("Release nosuch is not known.")))
    assert [body["event"] for body in program.accepted] == ["begun"]


def test_a_command_keeps_its_outcome_when_alerts_fail(
    terminal: Terminal, program: WebReceiver, tmp_path: Path
) -> None:
    program.statuses = [503]
    error = OuSparkError("it failed")
    assert terminal.run(lambda: fail(error)) == [
        "An alert was not delivered yet: program: answered 503"
    ]
    (tmp_path / "rules.yaml").write_text("rules")
    (line,) = terminal.run(lambda: None)
    assert line.startswith(f"Alerts were not evaluated: {tmp_path / 'rules.yaml'}, line 1")
    with (
        pytest.raises(OuSparkError, match="it failed"),
        alerts_after(terminal.instance, build_definitions(), "ouspark run", terminal.lines.append),
    ):
        fail(error)


@pytest.mark.parametrize(("automation", "status"), [("true", "RUNNING"), ("false", "STOPPED")])
def test_the_sensor_starts_automatically_unless_automation_is_off(
    monkeypatch: pytest.MonkeyPatch, automation: str, status: str
) -> None:
    monkeypatch.setitem(os.environ, "OUSPARK_AUTOMATION", automation)
    (sensor,) = (sensor for sensor in build_definitions().sensors or () if sensor.name == "alerts")
    assert isinstance(sensor, dg.SensorDefinition)
    assert sensor.default_status.value == status
    assert sensor.minimum_interval_seconds == 30
