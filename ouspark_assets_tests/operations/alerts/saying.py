"""Rules, findings and outboxes in a few words, for tests that are about something else."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ouspark_assets.operations.alerts.channels.channel import ChannelError
from ouspark_assets.operations.alerts.channels.email import EmailSpec
from ouspark_assets.operations.alerts.failures import RunFailed
from ouspark_assets.operations.alerts.findings import Evaluation, Finding, Seen, Severity
from ouspark_assets.operations.alerts.ledger import Recorded, Telling, record
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets.operations.alerts.news import ResultsLive
from ouspark_assets.operations.alerts.options import Variable
from ouspark_assets.operations.alerts.outbox import Outbox
from ouspark_assets.operations.alerts.rules import Kind, Rule, Ruleset

NOON = datetime(2025, 4, 2, 12, tzinfo=UTC)
RULE, NEWS = "run-failed", "results-live"
MAIL = EmailSpec(
    server=Variable("SMTP"),
    sender="OuSpark <alerts@example.org>",
    to=("a@example.org, b@example.org", Variable("TO")),
)


def rule(*, remind_after: timedelta | None = None, channels: Iterable[str] = ("chat",)) -> Rule:
    return Rule(
        RULE, Kind.RUN_FAILED, RunFailed(), Severity.CRITICAL, tuple(channels), (), (), remind_after
    )


def news(channels: Iterable[str] = ("chat",)) -> Rule:
    return Rule(NEWS, Kind.RESULTS_LIVE, ResultsLive(), Severity.INFO, tuple(channels))


def ruleset(*rules: Rule) -> Ruleset:
    return Ruleset(Path("rules.yaml"), {}, rules or (rule(),))


def finding(subject: str = "clean/marks", *, of: str = RULE, **said: str) -> Finding:
    seen = Seen(subject, f"Run failed: {subject}", NOON, (("Why", "boom"),), run_id="243eafeb-c3a3")
    is_news = of == NEWS
    severity = Severity.INFO if is_news else Severity.CRITICAL
    return Finding(of, said.get("topic", "runs"), severity, seen, "It works again.", is_news)


def evaluation(
    at: datetime, *findings: Finding, judged: Iterable[tuple[str, str]] | None = None
) -> Evaluation:
    known = {(RULE, "runs"), (NEWS, "runs")} if judged is None else judged
    return Evaluation(at, findings, frozenset(known))


def after(**length: float) -> datetime:
    return NOON + timedelta(**length)


@dataclass
class Book:
    """An outbox that is written into, and what waits in it."""

    outbox: Outbox
    telling: Telling = field(default_factory=lambda: Telling(ruleset(), {"chat"}))

    def see(self, at: datetime, *findings: Finding) -> Recorded:
        """Write down what is found at a moment."""
        return record(self.outbox, evaluation(at, *findings), self.telling)

    @property
    def messages(self) -> list[Message]:
        """Every message there is for anybody, oldest first."""
        with self.outbox.transaction() as connection:
            rows = connection.execute("SELECT message FROM deliveries ORDER BY id").fetchall()
        return [Message.from_json(row["message"]) for row in rows]

    @property
    def events(self) -> list[str]:
        return [it.event.value for it in self.messages]


@dataclass
class ListChannel:
    """A channel that keeps what it is sent, and fails as often as it is told."""

    name: str = "chat"
    failures: list[ChannelError] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(message)

    send_test = send


def down(channel: str = "chat") -> ChannelError:
    return ChannelError(channel, "it can't be reached", is_down=True)


def message(event: Event = Event.BEGUN, **said: object) -> Message:
    values: dict[str, object] = {
        "id": "5f1f2b0a-0000-4000-8000-000000000001",
        "alert": "5f1f2b0a-0000-4000-8000-000000000002",
        "event": event,
        "rule": RULE,
        "subject": "clean/marks of 20250402",
        "severity": Severity.CRITICAL,
        "headline": "Run failed: clean/marks of 20250402",
        "since": NOON,
        "at": NOON + timedelta(minutes=125),
        "details": (("Why", "the site <is> down & out"), ("Run", "243eafeb")),
        "next_step": "`ouspark run` goes on",
        "link": None,
    }
    return Message(**(values | said))  # type: ignore[arg-type]
