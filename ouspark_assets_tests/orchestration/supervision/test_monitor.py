"""The monitor: heartbeats while everything is healthy, and alerts without user code."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.health import HealthReport, Part, PartHealth
from ouspark_assets.orchestration.supervision.monitor import Monitor, restart_killed_supervisor
from ouspark_assets.orchestration.supervision.process_records import (
    ProcessRecord,
    UiFiles,
    check_monitor,
)
from ouspark_assets.settings import load_settings
from ouspark_assets_tests.operations.alerts.receivers import WebReceiver, web_receiver
from ouspark_assets_tests.support.waiting import wait_until

START = datetime(2025, 4, 2, 12, tzinfo=UTC)
HEALTHY = PartHealth(Part.CODE, is_healthy=True, detail="User code answers.")
GONE = PartHealth(Part.CODE, is_healthy=False, detail="No process executes user code.")
RULES = """
channels:
  program: {type: webhook, url: "${OUSPARK_ALERT_WEBHOOK_URL}"}
rules:
  - {name: unhealthy, when: unhealthy, longer_than: 3m, severity: critical, channels: [program]}
  - {name: run-failed, when: run_failed, severity: critical, channels: [program]}
"""


@dataclass
class MonitorUnderTest:
    """A monitor whose checks find what the test says, a minute apart."""

    monitor: Monitor
    notices: list[str]
    minute: int = 0
    found: list[PartHealth] = field(default_factory=list)

    def check(self, part: PartHealth) -> None:
        """Let the next check, a minute later, find this."""
        self.found = [part]
        self.monitor.run_once()

    def report(self) -> HealthReport:
        self.minute += 1
        return HealthReport(START + timedelta(minutes=self.minute), tuple(self.found))


@pytest.fixture
def receiver() -> Iterator[WebReceiver]:
    with web_receiver() as receiver:
        yield receiver


@pytest.fixture
def monitored(
    home: Path, tmp_path: Path, receiver: WebReceiver, monkeypatch: pytest.MonkeyPatch
) -> MonitorUnderTest:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    monkeypatch.setenv("OUSPARK_HOME", str(home))
    monkeypatch.setenv("OUSPARK_ALERT_RULES", str(rules))
    notices: list[str] = []
    monitor = Monitor(load_settings(), notices.append, check=lambda: HealthReport(START, ()))
    under_test = MonitorUnderTest(monitor, notices)
    monitor.check = under_test.report
    return under_test


@pytest.fixture
def heartbeat(receiver: WebReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUSPARK_HEARTBEAT_URL", receiver.url)


@pytest.fixture
def webhook(receiver: WebReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUSPARK_ALERT_WEBHOOK_URL", receiver.url)


@pytest.mark.usefixtures("heartbeat")
def test_the_heartbeat_is_sent_while_everything_is_healthy_and_only_then(
    receiver: WebReceiver, monitored: MonitorUnderTest
) -> None:
    monitored.check(HEALTHY)
    monitored.check(HEALTHY)
    # The interval of a minute has not passed.
    assert len(receiver.requests) == 1
    monitored.monitor.next_heartbeat = 0
    monitored.check(GONE)
    assert len(receiver.requests) == 1
    monitored.check(HEALTHY)
    assert len(receiver.requests) == 2


@pytest.mark.usefixtures("heartbeat")
def test_a_heartbeat_that_is_not_accepted_is_reported_without_its_url(
    receiver: WebReceiver, monitored: MonitorUnderTest
) -> None:
    receiver.statuses = [404]
    monitored.check(HEALTHY)
    (notice,) = monitored.notices
    assert notice.startswith("127.0.0.1 answered the heartbeat with status 404.")
    assert "SECRET-PATH" not in notice


def test_an_unreachable_dead_mans_switch_does_not_end_the_monitor(
    monitored: MonitorUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_HEARTBEAT_URL", "http://127.0.0.1:1/SECRET-PATH")
    monitored.monitor.settings = load_settings()
    monitored.check(HEALTHY)
    (notice,) = monitored.notices
    assert notice.startswith("The heartbeat was not accepted (ConnectError).")
    assert "SECRET-PATH" not in notice
    assert "last check was 0 s ago" in check_monitor(UiFiles(load_settings().servers.home))


@pytest.mark.usefixtures("webhook")
def test_an_alert_is_sent_once_after_three_minutes_and_its_recovery_is_announced(
    receiver: WebReceiver, monitored: MonitorUnderTest
) -> None:
    for part in [HEALTHY, GONE, GONE, GONE, GONE]:
        monitored.check(part)
    assert receiver.accepted == []
    monitored.check(GONE)
    monitored.check(GONE)
    (opened,) = receiver.accepted
    assert (opened["event"], opened["severity"]) == ("begun", "critical")
    assert opened["headline"] == "Not healthy: code, for 4 min"
    assert opened["details"]["Why"] == GONE.detail
    monitored.check(HEALTHY)
    assert [message["event"] for message in receiver.accepted] == ["begun", "over"]
    assert [notice.split("  ", 1)[1] for notice in monitored.notices] == [
        f"code: not healthy. {GONE.detail}",
        f"code: healthy. {HEALTHY.detail}",
    ]


@pytest.mark.usefixtures("webhook")
def test_the_monitor_delivers_messages_that_the_sensor_could_not_and_closes_no_other_alert(
    receiver: WebReceiver, monitored: MonitorUnderTest
) -> None:
    monitored.check(HEALTHY)
    store = AlertStore.in_home(load_settings().servers.home)
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO alerts (uid, rule, topic, subject, severity, headline, details, "
            "next_step, over, is_news, since, opened_at, seen_at, told_at) VALUES ('u', "
            "'run-failed', 'runs', 'x', 'critical', 'Run failed: x', '[]', '', '', 0, 1, 1, 1, 1)"
        )
    monitored.check(HEALTHY)
    assert [message["headline"] for message in receiver.accepted] == ["Run failed: x"]
    assert len(store.read_overview(10).open) == 1


def test_a_malformed_rules_file_is_reported_and_does_not_end_the_monitor(
    monitored: MonitorUnderTest, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text("rules: 1", encoding="utf-8")
    monitored.check(HEALTHY)
    assert "rules.yaml" in monitored.notices[0]


def test_the_monitor_starts_the_supervisor_again_when_it_was_killed(
    home: Path, tmp_path: Path
) -> None:
    files, started = UiFiles(home), tmp_path / "started"
    notices: list[str] = []
    assert not restart_killed_supervisor(files, notices.append)
    files.create()
    lock = files.lock_supervisor()
    assert lock is not None
    files.write(["touch", str(started)], [ProcessRecord("code", 1, 1.0)])
    assert not restart_killed_supervisor(files, notices.append)

    os.close(lock)
    assert restart_killed_supervisor(files, notices.append)
    wait_until("the recorded command runs", started.exists)
    assert len(notices) == 1
