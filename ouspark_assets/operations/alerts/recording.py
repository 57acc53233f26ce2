"""Recording an evaluation: opening, updating and closing alerts, and queueing their messages.

A message about an alert is sent when it opens, at growing intervals while it is open, and once when
it ends. One evaluation is one transaction, however many processes evaluate at the same time.
Sending the messages is in `deliveries.py`.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid4, uuid5

import orjson

from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.messages import Event, Message, create_message_id
from ouspark_assets.operations.alerts.rules import Evaluation, Finding, Rule, Severity

# An alert that comes back within this period is flapping: it is closed only after it has been quiet
# for 10 minutes, then 20, then 40 …
FLAPPING_PERIOD = timedelta(days=1)
MIN_QUIET_PERIOD = timedelta(minutes=10)
MAX_QUIET_PERIOD = timedelta(hours=6)
# Closed alerts and their messages are deleted after this time.
RETENTION = timedelta(days=90)


@dataclass(frozen=True)
class RecordedChanges:
    """How many alerts an evaluation opened and closed, and how many are open now."""

    opened: int
    closed: int
    open: int


def record_evaluation(
    store: AlertStore,
    evaluation: Evaluation,
    rules: Sequence[Rule],
    active_channels: Collection[str],
    ui_url: str | None = None,
) -> RecordedChanges:
    """Open, update and close alerts, and queue the messages for the active channels."""
    by_name = {rule.name: rule for rule in rules}
    with store.transaction() as connection:
        recorder = _Recorder(connection, evaluation, by_name, active_channels, ui_url)
        opened = sum(recorder.record_finding(finding) for finding in evaluation.findings)
        closed = sum(recorder.close_alert(alert) for alert in recorder.missing_alerts())
        open_alerts = recorder.open_alerts()
        for alert in open_alerts:
            recorder.queue_messages(alert)
        oldest = recorder.now - RETENTION.total_seconds()
        connection.execute("DELETE FROM alerts WHERE ended_at < ?", (oldest,))
        return RecordedChanges(opened, closed, sum(not alert["is_news"] for alert in open_alerts))


def required_quiet_period(recent_closures: int) -> timedelta:
    """Return how long an alert must be quiet before it closes, by its closures of the last day."""
    if recent_closures == 0:
        return timedelta(0)
    doublings: int = 2 ** min(recent_closures - 1, 10)
    return min(MIN_QUIET_PERIOD * doublings, MAX_QUIET_PERIOD)


@dataclass(frozen=True)
class _Recorder:
    """One evaluation and the transaction that it is recorded in."""

    connection: sqlite3.Connection
    evaluation: Evaluation
    rules: Mapping[str, Rule]
    active_channels: Collection[str]
    ui_url: str | None

    @property
    def now(self) -> float:
        return self.evaluation.at.timestamp()

    def open_alerts(self) -> list[sqlite3.Row]:
        """Return every open alert, oldest first."""
        return self.connection.execute(
            "SELECT * FROM alerts WHERE ended_at IS NULL ORDER BY id"
        ).fetchall()

    def record_finding(self, finding: Finding) -> bool:
        """Update the open alert of a finding, or open one; return whether one was opened."""
        rule, observation = finding.rule, finding.observation
        # News is the same for every store: its receivers recognise a repetition by its id.
        uid = uuid5(NAMESPACE_URL, "/".join(finding.key)) if rule.is_news else uuid4()
        values = {
            **vars(observation),
            "uid": str(uid),
            "rule": rule.name,
            "topic": finding.topic,
            "severity": rule.severity,
            "details": orjson.dumps(observation.details).decode(),
            "over": rule.recovery,
            "is_news": rule.is_news,
            "since": observation.since.timestamp(),
            "now": self.now,
        }
        updated = self.connection.execute(
            """
            UPDATE alerts
               SET topic = :topic, severity = :severity, headline = :headline,
                   details = :details, next_step = :next_step, run_id = :run_id, over = :over,
                   seen_at = max(seen_at, :now), quiet_since = NULL
             WHERE rule = :rule AND subject = :subject AND ended_at IS NULL
            """,
            values,
        )
        if updated.rowcount > 0:
            return False
        # News is sent once. Another process may have closed the alert since this evaluation.
        is_known = self.connection.execute(
            """
            SELECT 1 FROM alerts
             WHERE rule = :rule AND subject = :subject AND (:is_news OR ended_at > :now)
            """,
            values,
        ).fetchone()
        if is_known:
            return False
        self.connection.execute(
            """
            INSERT INTO alerts (uid, rule, topic, subject, severity, headline, details, next_step,
                   run_id, over, is_news, since, opened_at, seen_at, told_at)
            VALUES (:uid, :rule, :topic, :subject, :severity, :headline, :details, :next_step,
                    :run_id, :over, :is_news, :since, :now, :now, :now)
            """,
            values,
        )
        return True

    def missing_alerts(self) -> list[sqlite3.Row]:
        """Return the open alerts that the evaluation could judge and did not find.

        Those whose rule was removed from the file are among them.
        """
        found = {finding.key for finding in self.evaluation.findings}
        return [
            alert
            for alert in self.open_alerts()
            if (alert["rule"], alert["subject"]) not in found
            and alert["seen_at"] < self.now
            and (
                alert["rule"] not in self.rules
                or (alert["rule"], alert["topic"]) in self.evaluation.judged
            )
        ]

    def close_alert(self, alert: sqlite3.Row) -> bool:
        """Close an alert once it has been quiet for long enough; return whether it was closed."""
        quiet_since = self.now if alert["quiet_since"] is None else alert["quiet_since"]
        self._update(alert, "quiet_since", quiet_since)
        has_end = alert["rule"] in self.rules and not alert["is_news"]
        if has_end:
            (recent_closures,) = self.connection.execute(
                "SELECT count(*) FROM alerts WHERE rule = ? AND subject = ? AND ended_at > ?",
                (alert["rule"], alert["subject"], self.now - FLAPPING_PERIOD.total_seconds()),
            ).fetchone()
            if self.now < quiet_since + required_quiet_period(recent_closures).total_seconds():
                return False
        self._update(alert, "ended_at", self.now)
        if has_end:
            for channel in self._pending_by_channel(alert):
                self._queue(alert, channel, Event.RECOVERED, 0)
        return True

    def queue_messages(self, alert: sqlite3.Row) -> None:
        """Queue the first message for active channels without one, reminders for the others."""
        rule = self.rules.get(alert["rule"])
        if rule is None:
            return
        pending = self._pending_by_channel(alert)
        for channel in rule.channels:
            if channel in self.active_channels and channel not in pending:
                self._queue(alert, channel, Event.NEWS if alert["is_news"] else Event.OPENED, 0)
        if alert["is_news"] or alert["quiet_since"] is not None or rule.remind_after is None:
            return
        # Each interval is twice as long as the one before: nobody reads the tenth reminder.
        interval = rule.remind_after.total_seconds() * 2 ** min(alert["reminders"], 10)
        if self.now < alert["told_at"] + interval:
            return
        number = alert["reminders"] + 1
        self._update(alert, "reminders", number)
        self._update(alert, "told_at", self.now)
        for channel, is_pending in pending.items():
            # Where the first message is still pending, a reminder would only repeat it.
            if channel in rule.channels and not is_pending:
                self._queue(alert, channel, Event.REMINDER, number)

    def _pending_by_channel(self, alert: sqlite3.Row) -> dict[str, bool]:
        """Return the channels with messages about an alert, and whether one is still pending."""
        rows = self.connection.execute(
            """
            SELECT channel, max(delivered_at IS NULL) FROM deliveries
             WHERE alert = ? GROUP BY channel
            """,
            (alert["id"],),
        ).fetchall()
        return {channel: bool(is_pending) for channel, is_pending in rows}

    def _update(self, alert: sqlite3.Row, column: str, value: float) -> None:
        self.connection.execute(
            f"UPDATE alerts SET {column} = ? WHERE id = ?",  # a column named in this class
            (value, alert["id"]),
        )

    def _queue(self, alert: sqlite3.Row, channel: str, event: Event, number: int) -> None:
        details = tuple((label, text) for label, text in orjson.loads(alert["details"]))
        run, next_step = alert["run_id"], alert["next_step"]
        if run:
            details += (("Run", run[:8]),)
        if event is Event.RECOVERED:
            details, next_step = (("Now", alert["over"]),), ""
        message = Message(
            id=create_message_id(alert["uid"], channel, event, number),
            alert=alert["uid"],
            event=event,
            rule=alert["rule"],
            subject=alert["subject"],
            severity=Severity(alert["severity"]),
            headline=alert["headline"],
            since=datetime.fromtimestamp(alert["since"], UTC),
            at=self.evaluation.at,
            details=details,
            next_step=next_step,
            link=f"{self.ui_url.rstrip('/')}/runs/{run}" if self.ui_url and run else None,
        )
        self.connection.execute(
            """
            INSERT INTO deliveries (alert, channel, event, number, message, due_at)
            VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            (alert["id"], channel, event, number, message.as_json().decode(), self.now),
        )
