"""Any program that takes JSON by POST: the message as it is, signed if a secret is set.

The shape is stable: keys may be added, none changes its meaning while `version` is 1.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import orjson

from ouspark_assets.operations.alerts.channels.channel import (
    Channel,
    ChannelSpec,
    value_of,
    web_address,
)
from ouspark_assets.operations.alerts.channels.http import post
from ouspark_assets.operations.alerts.messages import Message
from ouspark_assets.operations.alerts.options import Option, Variable, secret

VERSION = 1
SIGNATURE = "X-OuSpark-Signature"


@dataclass(frozen=True, kw_only=True)
class WebhookSpec(ChannelSpec):
    """`type: webhook`."""

    type: ClassVar[str] = "webhook"
    url: Annotated[Variable, Option(secret)]
    secret: Annotated[Variable | None, Option(secret)] = None

    def opened(self, name: str, environment: Mapping[str, str]) -> Channel:
        """The channel; a secret that is named must be there, or messages would go unsigned."""
        key = value_of(self.secret, environment) if self.secret else None
        return Webhook(name, web_address(self.url, environment), key)


@dataclass(frozen=True)
class Webhook:
    """A program."""

    name: str
    address: str = field(repr=False)
    key: str | None = field(repr=False)

    def send(self, message: Message) -> None:
        """The message as JSON; a receiver knows a repetition by its id."""
        body = orjson.dumps(payload(message))
        headers = {"Idempotency-Key": message.id}
        if self.key:
            headers[SIGNATURE] = signature(self.key, body)
        post(self.name, self.address, body, headers)

    send_test = send


def payload(message: Message) -> dict[str, object]:
    """The body of the request."""
    return {
        "version": VERSION,
        "id": message.id,
        "alert": message.alert,
        "event": message.event,
        "rule": message.rule,
        "subject": message.subject,
        "severity": message.severity,
        "headline": message.headline,
        "since": message.since,
        "at": message.at,
        "details": dict(message.details),
        "next": message.next_step,
        "link": message.link,
    }


def signature(key: str, body: bytes) -> str:
    """HMAC-SHA256 of the body, as `sha256=…`."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
