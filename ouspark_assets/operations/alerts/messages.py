"""A message: what a channel carries, in the same words everywhere.

Made when something begins, goes on, or is over; how it looks in Slack or a mail is the channel's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import NAMESPACE_URL, uuid4, uuid5

import orjson

from ouspark_assets.operations.alerts.findings import Severity
from ouspark_assets.operations.alerts.wording import duration, moment


class Event(StrEnum):
    """Why a message is sent."""

    BEGUN = "begun"
    REMINDER = "reminder"
    OVER = "over"
    NEWS = "news"
    TEST = "test"


@dataclass(frozen=True)
class Message:
    """One message about one alert; its id stays the same however often it is sent."""

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
        """One line that says it all."""
        return f"{self._prefix}{self.headline}"

    @property
    def lines(self) -> tuple[str, ...]:
        """The rest, a line each."""
        return tuple(self._lines())

    @property
    def text(self) -> str:
        """All of it as plain text."""
        return "\n".join((self.title, *self.lines))

    def detail(self, label: str) -> str:
        """What is said under a label, if anything."""
        return dict(self.details).get(label, "")

    @property
    def _prefix(self) -> str:
        lasting = duration(self.at - self.since)
        return {
            Event.BEGUN: f"[{self.severity}] ",
            Event.REMINDER: f"[{self.severity}, for {lasting}] ",
            Event.OVER: f"[over after {lasting}] ",
            Event.NEWS: "",
            Event.TEST: "[test] ",
        }[self.event]

    def _lines(self) -> Iterator[str]:
        for label, said in self.details:
            yield f"{label}: {said}"
        yield f"Since: {moment(self.since)}"
        if self.next_step:
            yield f"Next: {self.next_step}"
        if self.link:
            yield self.link

    def as_json(self) -> bytes:
        """As it is kept until it is delivered."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, stored: bytes | str) -> "Message":
        """The other way round."""
        kept = orjson.loads(stored)
        return cls(
            **kept
            | {
                "event": Event(kept["event"]),
                "severity": Severity(kept["severity"]),
                "since": datetime.fromisoformat(kept["since"]),
                "at": datetime.fromisoformat(kept["at"]),
                "details": tuple((label, said) for label, said in kept["details"]),
            }
        )


def message_id(alert: str, channel: str, event: Event, number: int) -> str:
    """The same for the same message, so that a receiver can tell a repetition."""
    return str(uuid5(NAMESPACE_URL, f"{alert}/{channel}/{event}/{number}"))


def test_message(channel: str) -> Message:
    """What `ouspark alerts test` sends."""
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
        next_step="nothing; alerts come here from now on",
    )
