"""What is open: an alert begins once, is told again seldom, and its end is told once.

An evaluation is written down in one transaction, however many processes look at the same time;
what is to be told waits in the outbox. Sending is `delivering.py`.
"""

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid4, uuid5

import orjson

from ouspark_assets.operations.alerts.findings import Evaluation, Finding, Severity
from ouspark_assets.operations.alerts.messages import Event, Message, message_id
from ouspark_assets.operations.alerts.outbox import Outbox
from ouspark_assets.operations.alerts.rules import Rule, Ruleset

# What comes back within a day has to stay away for ten minutes, then twenty, then forty…
FLAPS_WITHIN = timedelta(days=1)
FIRST_CALM = timedelta(minutes=10)
LONGEST_CALM = timedelta(hours=6)
KEPT = timedelta(days=90)


@dataclass(frozen=True)
class Telling:
    """To whom can be told now, and where links lead."""

    ruleset: Ruleset
    active: Collection[str]
    ui_url: str | None = None


@dataclass(frozen=True)
class Recorded:
    """What an evaluation changed."""

    begun: int
    ended: int
    open: int


def record(outbox: Outbox, evaluation: Evaluation, telling: Telling) -> Recorded:
    """Begin, go on with and end alerts, and put into the outbox what is to be told of it."""
    with outbox.transaction() as connection:
        book = _Book(connection, evaluation, telling)
        begun = sum(book.find(finding) for finding in evaluation.findings)
        ended = sum(book.end(alert) for alert in book.no_longer_found())
        for alert in book.open_alerts():
            book.tell(alert)
        book.forget_old()
        return Recorded(begun, ended, sum(not it["is_news"] for it in book.open_alerts()))


def calm_after(returns: int) -> timedelta:
    """How long something has to stay away until it is over, by how often it came back lately."""
    if returns == 0:
        return timedelta(0)
    doublings: int = 2 ** min(returns - 1, 10)
    return min(FIRST_CALM * doublings, LONGEST_CALM)


@dataclass(frozen=True)
class _Book:
    """The tables, and the evaluation that is written into them."""

    connection: sqlite3.Connection
    evaluation: Evaluation
    telling: Telling

    @property
    def now(self) -> float:
        return self.evaluation.at.timestamp()

    def find(self, finding: Finding) -> bool:
        """Write down a finding; True when it begins an alert."""
        seen = finding.seen
        values = {
            "rule": finding.rule,
            "subject": seen.subject,
            "topic": finding.topic,
            "severity": finding.severity,
            "headline": seen.headline,
            "details": orjson.dumps(seen.details).decode(),
            "next_step": seen.next_step,
            "run_id": seen.run_id,
            "over": finding.over,
            "is_news": finding.is_news,
            "now": self.now,
        }
        if self._goes_on(values) or self._is_told_already(finding):
            return False
        uid = uuid5(NAMESPACE_URL, "/".join(finding.key)) if finding.is_news else uuid4()
        self._begin({**values, "uid": str(uid), "since": seen.since.timestamp()})
        return True

    def _goes_on(self, values: Mapping[str, object]) -> bool:
        """An open alert keeps its beginning and takes on what is said of it now."""
        return (
            self.connection.execute(
                """
                UPDATE alerts
                   SET topic = :topic, severity = :severity, headline = :headline,
                       details = :details, next_step = :next_step, run_id = :run_id, over = :over,
                       seen_at = max(seen_at, :now), quiet_since = NULL
                 WHERE rule = :rule AND subject = :subject AND ended_at IS NULL
                """,
                values,
            ).rowcount
            > 0
        )

    def _begin(self, values: Mapping[str, object]) -> None:
        self.connection.execute(
            """
            INSERT INTO alerts (uid, rule, topic, subject, severity, headline, details, next_step,
                   run_id, over, is_news, since, opened_at, seen_at, told_at)
            VALUES (:uid, :rule, :topic, :subject, :severity, :headline, :details, :next_step,
                    :run_id, :over, :is_news, :since, :now, :now, :now)
            """,
            values,
        )

    def _is_told_already(self, finding: Finding) -> bool:
        """News that was told; or an end that was seen later than this evaluation was made."""
        return (
            self.connection.execute(
                "SELECT 1 FROM alerts WHERE rule = ? AND subject = ? AND (? OR ended_at > ?)",
                (*finding.key, finding.is_news, self.now),
            ).fetchone()
            is not None
        )

    def no_longer_found(self) -> list[sqlite3.Row]:
        """Open alerts that this evaluation could judge and does not find."""
        found = {finding.key for finding in self.evaluation.findings}
        rules = {rule.name for rule in self.telling.ruleset.rules}
        return [
            alert
            for alert in self.open_alerts()
            if (alert["rule"], alert["subject"]) not in found
            and alert["seen_at"] < self.now
            and (
                alert["rule"] not in rules
                or (alert["rule"], alert["topic"]) in self.evaluation.judged
            )
        ]

    def end(self, alert: sqlite3.Row) -> bool:
        """End an alert, or wait for it to stay away; True when it is over."""
        quiet_since = self.now if alert["quiet_since"] is None else alert["quiet_since"]
        self._update(alert, "quiet_since", quiet_since)
        rule = self.telling.ruleset.rule(alert["rule"])
        calm = calm_after(self._returns(alert)).total_seconds()
        if rule is not None and not alert["is_news"] and self.now < quiet_since + calm:
            return False
        self._update(alert, "ended_at", self.now)
        if rule is not None and not alert["is_news"]:
            for channel in self._told(alert):
                self._enqueue(alert, channel, Event.OVER, 0)
        return True

    def tell(self, alert: sqlite3.Row) -> None:
        """Tell of an open alert who was not told yet, and remind the others in time."""
        rule = self.telling.ruleset.rule(alert["rule"])
        if rule is None:
            return
        told = self._told(alert)
        event = Event.NEWS if alert["is_news"] else Event.BEGUN
        for channel in rule.channels:
            if channel in self.telling.active and channel not in told:
                self._enqueue(alert, channel, event, 0)
        if self._is_reminder_due(alert, rule):
            number = alert["reminders"] + 1
            self._update(alert, "reminders", number)
            self._update(alert, "told_at", self.now)
            for channel, is_waiting in told.items():
                # Who has not heard of the beginning needs no reminder.
                if channel in rule.channels and not is_waiting:
                    self._enqueue(alert, channel, Event.REMINDER, number)

    def open_alerts(self) -> list[sqlite3.Row]:
        """Every open alert, oldest first."""
        return self.connection.execute(
            "SELECT * FROM alerts WHERE ended_at IS NULL ORDER BY id"
        ).fetchall()

    def forget_old(self) -> None:
        """Drop what was over long ago."""
        self.connection.execute(
            "DELETE FROM alerts WHERE ended_at < ?", (self.now - KEPT.total_seconds(),)
        )

    def _is_reminder_due(self, alert: sqlite3.Row, rule: Rule) -> bool:
        """After the rule's time, then after twice as long each time: nobody reads the tenth."""
        if alert["is_news"] or alert["quiet_since"] is not None or rule.remind_after is None:
            return False
        wait = rule.remind_after.total_seconds() * 2 ** min(alert["reminders"], 10)
        return bool(self.now >= alert["told_at"] + wait)

    def _returns(self, alert: sqlite3.Row) -> int:
        """How often the same alert ended within the last day."""
        (count,) = self.connection.execute(
            "SELECT count(*) FROM alerts WHERE rule = ? AND subject = ? AND ended_at > ?",
            (alert["rule"], alert["subject"], self.now - FLAPS_WITHIN.total_seconds()),
        ).fetchone()
        return int(count)

    def _told(self, alert: sqlite3.Row) -> dict[str, bool]:
        """The channels that are told of an alert, and whether some of it still waits."""
        rows = self.connection.execute(
            """
            SELECT channel, max(delivered_at IS NULL) FROM deliveries
             WHERE alert = ? GROUP BY channel
            """,
            (alert["id"],),
        ).fetchall()
        return {channel: bool(is_waiting) for channel, is_waiting in rows}

    def _update(self, alert: sqlite3.Row, column: str, value: float) -> None:
        self.connection.execute(
            f"UPDATE alerts SET {column} = ? WHERE id = ?",  # the columns named above
            (value, alert["id"]),
        )

    def _enqueue(self, alert: sqlite3.Row, channel: str, event: Event, number: int) -> None:
        message = self._message(alert, channel, event, number)
        self.connection.execute(
            """
            INSERT INTO deliveries (alert, channel, event, number, message, due_at)
            VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            (alert["id"], channel, event, number, message.as_json().decode(), self.now),
        )

    def _message(self, alert: sqlite3.Row, channel: str, event: Event, number: int) -> Message:
        details = tuple((label, said) for label, said in orjson.loads(alert["details"]))
        run, next_step, ui = alert["run_id"], alert["next_step"], self.telling.ui_url
        if run:
            details += (("Run", run[:8]),)
        if event is Event.OVER:
            details, next_step = (("Now", alert["over"]),), ""
        return Message(
            id=message_id(alert["uid"], channel, event, number),
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
            link=f"{ui.rstrip('/')}/runs/{run}" if ui and run else None,
        )
