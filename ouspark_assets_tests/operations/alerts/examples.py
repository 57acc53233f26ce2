"""Example rules, findings and messages, a store that records them, and a channel in memory."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.channels import ChannelError
from ouspark_assets.operations.alerts.conditions import ResultsLive, RunFailed
from ouspark_assets.operations.alerts.email_channel import EmailSettings
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets.operations.alerts.recording import RecordedChanges, record_evaluation
from ouspark_assets.operations.alerts.rules import Evaluation, Finding, Observation, Rule, Severity

NOON = datetime(2025, 4, 2, 12, tzinfo=UTC)
MAIL = EmailSettings.model_validate(
    {
        "server": "${SMTP}",
        "from": "OuSpark <alerts@example.org>",
        "to": ["a@example.org, b@example.org", "${TO}"],
    }
)


def run_failed_rule(
    *, remind_after: timedelta | None = None, channels: Iterable[str] = ("chat",)
) -> RunFailed:
    return RunFailed(
        name="run-failed",
        severity=Severity.CRITICAL,
        channels=tuple(channels),
        remind_after=remind_after,
    )


RULE = run_failed_rule()
NEWS_RULE = ResultsLive(name="results-live", severity=Severity.INFO, channels=("chat",))


def finding(subject: str = "clean/marks", *, rule: Rule = RULE) -> Finding:
    headline, details = f"Run failed: {subject}", (("Why", "boom"),)
    return Finding(
        rule, "runs", Observation(subject, headline, NOON, details, run_id="243eafeb-c3a3")
    )


def evaluation(
    at: datetime, *findings: Finding, judged: Iterable[tuple[str, str]] | None = None
) -> Evaluation:
    every_topic = {(RULE.name, "runs"), (NEWS_RULE.name, "runs")}
    return Evaluation(at, findings, frozenset(every_topic if judged is None else judged))


def after(**duration: float) -> datetime:
    return NOON + timedelta(**duration)


@dataclass
class RecordedStore:
    """A store with the rules and channels that evaluations are recorded with."""

    store: AlertStore
    rules: Sequence[Rule] = (RULE,)
    active_channels: Collection[str] = ("chat",)
    ui_url: str | None = None

    def record(self, evaluation: Evaluation) -> RecordedChanges:
        return record_evaluation(
            self.store, evaluation, self.rules, self.active_channels, self.ui_url
        )

    def record_findings(self, at: datetime, *findings: Finding) -> RecordedChanges:
        return self.record(evaluation(at, *findings))

    def mark_all_delivered(self) -> None:
        with self.store.transaction() as connection:
            connection.execute("UPDATE deliveries SET delivered_at = 0")

    @property
    def messages(self) -> list[Message]:
        """Every message, delivered or not, oldest first."""
        with self.store.transaction() as connection:
            rows = connection.execute("SELECT message FROM deliveries ORDER BY id").fetchall()
        return [Message.from_json(row["message"]) for row in rows]

    @property
    def events(self) -> list[str]:
        return [message.event.value for message in self.messages]


@dataclass
class ListChannel:
    """A channel that keeps what it sends, after raising the given failures."""

    name: str = "chat"
    failures: list[ChannelError] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(message)

    send_test = send


def unreachable(channel: str = "chat") -> ChannelError:
    return ChannelError(channel, "cannot be reached", is_down=True)


def message(event: Event = Event.OPENED, **changes: object) -> Message:
    values: dict[str, object] = {
        "id": "5f1f2b0a-0000-4000-8000-000000000001",
        "alert": "5f1f2b0a-0000-4000-8000-000000000002",
        "event": event,
        "rule": RULE.name,
        "subject": "clean/marks of 20250402",
        "severity": Severity.CRITICAL,
        "headline": "Run failed: clean/marks of 20250402",
        "since": NOON,
        "at": NOON + timedelta(minutes=125),
        "details": (("Why", "the site <is> down & out"), ("Run", "243eafeb")),
        "next_step": "`ouspark run` resumes",
        "link": None,
    }
    return Message(**(values | changes))  # type: ignore[arg-type]
