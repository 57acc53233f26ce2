"""Slack's incoming webhooks, and those of Mattermost, Rocket.Chat and others that take the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import orjson

from ouspark_assets.operations.alerts.channels.channel import Channel, ChannelSpec, web_address
from ouspark_assets.operations.alerts.channels.http import post
from ouspark_assets.operations.alerts.findings import Severity
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets.operations.alerts.options import Option, Variable, secret

GREEN = "#2e8b57"
COLOURS = {Severity.INFO: "#2d7dd2", Severity.WARNING: "#e08e0b", Severity.CRITICAL: "#c0392b"}


@dataclass(frozen=True, kw_only=True)
class SlackSpec(ChannelSpec):
    """`type: slack`."""

    type: ClassVar[str] = "slack"
    url: Annotated[Variable, Option(secret)]

    def opened(self, name: str, environment: Mapping[str, str]) -> Channel:
        """The channel."""
        return Slack(name, web_address(self.url, environment))


@dataclass(frozen=True)
class Slack:
    """A room of people."""

    name: str
    address: str = field(repr=False)

    def send(self, message: Message) -> None:
        """One line that notifications show, and the rest beside a coloured bar."""
        post(self.name, self.address, orjson.dumps(payload(message)), {})

    send_test = send


def payload(message: Message) -> dict[str, object]:
    """The body of the request."""
    good = message.event in (Event.OVER, Event.NEWS)
    title, rest = _escaped(message.title), _escaped("\n".join(message.lines))
    attachment = {
        "color": GREEN if good else COLOURS[message.severity],
        "fallback": title,
        "text": rest,
        "mrkdwn_in": ["text"],
        "ts": int(message.at.timestamp()),
    }
    return {"text": title, "attachments": [attachment]}


def _escaped(text: str) -> str:
    """So that no text can mention everybody or hide a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
