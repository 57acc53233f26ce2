"""The message that a channel sends about an alert, in the same words for every channel.

How a message looks in Slack or in a mail is in `channels.py` and `email_channel.py`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import NAMESPACE_URL, uuid4, uuid5

import orjson

from ouspark_assets.operations.alerts.formatting import format_duration, format_time
from ouspark_assets.operations.alerts.rules import Severity


class Event(StrEnum):
    """Why a message is sent; the values are stored and sent to webhooks."""

    OPENED = "begun"
    REMINDER = "reminder"
    RECOVERED = "over"
    NEWS = "news"
    TEST = "test"


@dataclass(frozen=True)
class Message:
    """One message about one alert; its id stays the same when it is sent again."""

    id: str
    alert: str
    event: Event
    rule: str
    subject: str
    severity: Severity
    headline: str
    since: datetime
    at: datetime
    details: tuple[tuple[str, str], ...] = ()
    next_step: str = ""
    link: str | None = None

    @property
    def title(self) -> str:
        """The event and the headline in one line."""
        duration = format_duration(self.at - self.since)
        prefix = {
            Event.OPENED: f"[{self.severity}] ",
            Event.REMINDER: f"[{self.severity}, open for {duration}] ",
            Event.RECOVERED: f"[recovered after {duration}] ",
            Event.NEWS: "",
            Event.TEST: "[test] ",
        }[self.event]
        return f"{prefix}{self.headline}"

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything below the title."""
        lines = [f"{label}: {text}" for label, text in self.details]
        lines.append(f"Since: {format_time(self.since)}")
        if self.next_step:
            lines.append(f"Next: {self.next_step}")
        if self.link:
            lines.append(self.link)
        return tuple(lines)

    @property
    def text(self) -> str:
        """The whole message as plain text."""
        return "\n".join((self.title, *self.lines))

    def detail(self, label: str) -> str:
        """Return the text of a detail; empty without one."""
        return dict(self.details).get(label, "")

    def as_json(self) -> bytes:
        """Return the message as it is stored until its delivery."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, stored: bytes | str) -> "Message":
        """Return the message that `as_json` stored."""
        values = orjson.loads(stored)
        return cls(
            **values
            | {
                "event": Event(values["event"]),
                "severity": Severity(values["severity"]),
                "since": datetime.fromisoformat(values["since"]),
                "at": datetime.fromisoformat(values["at"]),
                "details": tuple((label, text) for label, text in values["details"]),
            }
        )


def create_message_id(alert: str, channel: str, event: Event, number: int) -> str:
    """Return the same id for the same message, so that a receiver can ignore a repetition."""
    return str(uuid5(NAMESPACE_URL, f"{alert}/{channel}/{event}/{number}"))


def create_test_message(channel: str) -> Message:
    """Return the message that `ouspark alerts test` sends."""
    now = datetime.now(UTC)
    return Message(
        id=str(uuid4()),
        alert=str(uuid4()),
        event=Event.TEST,
        rule="test",
        subject=channel,
        severity=Severity.INFO,
        headline=f"OuSpark can reach the channel {channel}",
        since=now,
        at=now,
        next_step="Nothing to do. Alerts of this channel will arrive here.",
    )
