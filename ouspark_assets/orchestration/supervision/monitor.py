"""The monitor, a process of its own: checks the health, sends heartbeats, and alerts.

It depends on neither user code nor the daemon, so it can tell that they are gone. What is checked
is in `health.py`, what becomes of an alert in `operations/alerts/`.
"""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.alerts.evaluation import evaluate_facts
from ouspark_assets.operations.alerts.facts import Facts, UnhealthyPart
from ouspark_assets.operations.health import HealthReport, Part, PartHealth
from ouspark_assets.operations.heartbeat import send_heartbeat
from ouspark_assets.orchestration.supervision.health import check_health
from ouspark_assets.orchestration.supervision.process_records import UiFiles
from ouspark_assets.settings import Settings

CHECK_INTERVAL = 15.0


@dataclass
class Monitor:
    """Since when parts are not healthy, and when the next heartbeat is due."""

    settings: Settings
    notify: Callable[[str], None]
    check: Callable[[], HealthReport]
    unhealthy_since: dict[Part, datetime] = field(default_factory=dict)
    next_heartbeat: float = 0.0

    def run_once(self) -> None:
        """Check, and send the heartbeat or the messages that are due."""
        report = self.check()
        self._note_changes(report)
        if not report.unhealthy:
            self._attempt(self._send_heartbeat)
        facts = Facts(
            report.at,
            unhealthy_parts=[
                UnhealthyPart(part.part.value, self.unhealthy_since[part.part], part.detail)
                for part in report.unhealthy
            ],
        )
        self._attempt(lambda: self._evaluate(facts))
        UiFiles(self.settings.servers.home).record_check()

    def _note_changes(self, report: HealthReport) -> None:
        for part in report.parts:
            was_unhealthy = part.part in self.unhealthy_since
            if part.is_healthy and was_unhealthy:
                del self.unhealthy_since[part.part]
                self._say(part, report.at)
            elif not part.is_healthy and not was_unhealthy:
                self.unhealthy_since[part.part] = report.at
                self._say(part, report.at)

    def _say(self, part: PartHealth, at: datetime) -> None:
        state = "healthy" if part.is_healthy else "not healthy"
        self.notify(f"{at:%Y-%m-%d %H:%M:%S} UTC  {part.part}: {state}. {part.detail}")

    def _send_heartbeat(self) -> None:
        url = self.settings.alerts.heartbeat_url
        if url is None or time.monotonic() < self.next_heartbeat:
            return
        self.next_heartbeat = time.monotonic() + self.settings.alerts.heartbeat_interval
        send_heartbeat(url.get_secret_value())

    def _evaluate(self, facts: Facts) -> None:
        summary = evaluate_facts(self.settings, lambda: facts)
        for problem in summary.delivered.problems:
            self.notify(f"An alert was not delivered yet: {problem}")

    def _attempt(self, action: Callable[[], None]) -> None:
        """Report an error instead of ending: the other tasks of the monitor go on."""
        try:
            action()
        except OuSparkError as error:
            self.notify(str(error))


def run_monitor(
    settings: Settings, workspace: Path, code_server: str | None, notify: Callable[[str], None]
) -> None:
    """Monitor until SIGINT or SIGTERM."""
    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stop.append(received))
    # The monitor does not check itself.
    parts = [part for part in Part if part is not Part.MONITOR]
    check = partial(check_health, settings, workspace, parts, code_server)
    monitor, files = Monitor(settings, notify, check), UiFiles(settings.servers.home)
    try:
        while not stop:
            if restart_killed_supervisor(files, notify):
                return
            monitor.run_once()
            deadline = time.monotonic() + CHECK_INTERVAL
            while not stop and time.monotonic() < deadline:
                time.sleep(0.2)
    finally:
        files.forget_checks()


def restart_killed_supervisor(files: UiFiles, notify: Callable[[str], None]) -> bool:
    """Start the supervisor of `ouspark ui` again if it was killed; return whether it was.

    The new one ends the processes of the old one, this one included.
    """
    recorded = files.read()
    if recorded is None or files.is_supervised():
        return False
    command, _ = recorded
    notify("The supervisor of `ouspark ui` was killed. Starting it again, in the background.")
    subprocess.Popen(command, start_new_session=True)  # noqa: S603 (recorded by the supervisor)
    return True
