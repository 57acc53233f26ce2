"""Delivery channels: the settings of each type in the rules file, and sending a message over HTTP.

Settings name environment variables; opened with an environment they become a channel that sends.
Mail is in `email_channel.py`; retries are in `deliveries.py`. No error contains an address or a
secret: the address of a webhook is a secret, and responses repeat it.
"""

import asyncio
import hashlib
import hmac
import logging
import ssl
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol
from urllib.parse import urlsplit

import httpx
import orjson
from pydantic import BaseModel

from ouspark_assets.domain.errors import AlertsError
from ouspark_assets.operations.alerts.conditions import EXAM, STUDENTS
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets.operations.alerts.option_types import (
    MODEL_CONFIG,
    SecretVariable,
    TextOrVariable,
    Variable,
)
from ouspark_assets.operations.alerts.rules import Severity

# Seconds for one message, however slowly the other side answers.
SEND_TIMEOUT = 10.0
MAX_RESPONSE_BYTES = 20_000
STATUS_HINTS = {
    400: "the message is not accepted",
    401: "the key is refused",
    403: "the key is refused",
    404: "nothing exists at this address; was the webhook removed?",
    410: "the webhook was removed",
    429: "too many messages",
}
# The receiver cannot take any message now. After any other status only this message is retried.
DOWN_STATUSES = (401, 403, 404, 408, 410, 425, 429)
ONESIGNAL_URL = "https://api.onesignal.com/notifications"
SIGNATURE_HEADER = "X-OuSpark-Signature"
# Keys may be added; a changed meaning needs a new version.
WEBHOOK_VERSION = 1
GREEN = "#2e8b57"
SEVERITY_COLOURS = {
    Severity.INFO: "#2d7dd2",
    Severity.WARNING: "#e08e0b",
    Severity.CRITICAL: "#c0392b",
}


class ChannelError(AlertsError):
    """A message was not delivered."""

    def __init__(
        self, channel: str, reason: str, *, is_down: bool, retry_after: float | None = None
    ) -> None:
        """Record whether the whole channel is down, and the seconds that the receiver asks for."""
        super().__init__(f"{channel}: {reason}")
        self.is_down = is_down
        self.retry_after = retry_after


class InactiveChannelError(AlertsError):
    """A channel cannot be opened, e.g. because one of its environment variables is not set."""


class Channel(Protocol):
    """A delivery channel that can send."""

    @property
    def name(self) -> str:
        """Its name in the rules file."""

    def send(self, message: Message) -> str | None:
        """Deliver a message; return a note to keep, if any. Raises ChannelError."""

    def send_test(self, message: Message) -> str | None:
        """Deliver a test message, which no student may receive."""


class ChannelSettings(BaseModel, ABC):
    """A channel of the rules file, without the values of its variables."""

    model_config = MODEL_CONFIG
    # Whether it may carry alerts that are for operators only.
    for_operators: ClassVar[bool] = True

    type: str

    @abstractmethod
    def open(self, name: str, environment: Mapping[str, str]) -> Channel:
        """Return the channel.

        Raises InactiveChannelError when a variable is missing or malformed.
        """


@dataclass(frozen=True)
class OpenedChannels:
    """The active channels, and the reasons why others are inactive."""

    channels: Mapping[str, Channel]
    inactive: Mapping[str, str]


def open_channels(
    settings: Mapping[str, ChannelSettings], environment: Mapping[str, str]
) -> OpenedChannels:
    """Open the channels whose environment variables are set."""
    channels: dict[str, Channel] = {}
    inactive: dict[str, str] = {}
    for name, channel in settings.items():
        try:
            channels[name] = channel.open(name, environment)
        except InactiveChannelError as error:
            inactive[name] = str(error)
    return OpenedChannels(channels, inactive)


def resolve(value: str | Variable, environment: Mapping[str, str]) -> str:
    """Return a text, or the value of a variable."""
    if isinstance(value, str):
        return value
    text = environment.get(value.name, "").strip()
    if not text:
        message = f"{value.name} is not set"
        raise InactiveChannelError(message)
    return text


def resolve_url(value: str | Variable, environment: Mapping[str, str]) -> str:
    """Return an address that can be posted to."""
    url = resolve(value, environment)
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isprintable() or " " in url:
        message = f"{name_of(value)} is not an http:// or https:// address"
        raise InactiveChannelError(message)
    return url


def name_of(value: str | Variable) -> str:
    """Return how an error refers to a value without showing it."""
    return value.name if isinstance(value, Variable) else "the value in the rules file"


class SlackSettings(ChannelSettings):
    """`type: slack`."""

    type: Literal["slack"] = "slack"
    url: SecretVariable

    def open(self, name: str, environment: Mapping[str, str]) -> Channel:
        """Return the channel."""
        return SlackChannel(name, resolve_url(self.url, environment))


@dataclass(frozen=True)
class SlackChannel:
    """An incoming webhook of Slack, or of Mattermost or Rocket.Chat, which accept the same."""

    name: str
    url: str = field(repr=False)

    def send(self, message: Message) -> None:
        """Send the title as the text of notifications, and the lines as a coloured attachment."""
        # Escaped so that no text can mention everybody or hide a link.
        title, lines = (
            text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            for text in (message.title, "\n".join(message.lines))
        )
        is_good = message.event in (Event.RECOVERED, Event.NEWS)
        attachment = {
            "color": GREEN if is_good else SEVERITY_COLOURS[message.severity],
            "fallback": title,
            "text": lines,
            "mrkdwn_in": ["text"],
            "ts": int(message.at.timestamp()),
        }
        body = orjson.dumps({"text": title, "attachments": [attachment]})
        post_json(self.name, self.url, body, {})

    send_test = send


class WebhookSettings(ChannelSettings):
    """`type: webhook`."""

    type: Literal["webhook"] = "webhook"
    url: SecretVariable
    secret: SecretVariable | None = None

    def open(self, name: str, environment: Mapping[str, str]) -> Channel:
        """Return the channel; without the named secret it is inactive rather than unsigned."""
        key = resolve(self.secret, environment) if self.secret else None
        return WebhookChannel(name, resolve_url(self.url, environment), key)


@dataclass(frozen=True)
class WebhookChannel:
    """A program that accepts JSON by POST, signed with HMAC-SHA256 if a secret is set."""

    name: str
    url: str = field(repr=False)
    key: str | None = field(repr=False)

    def send(self, message: Message) -> None:
        """Send the message as JSON; the receiver recognises a repetition by its id."""
        body = orjson.dumps(
            {
                "version": WEBHOOK_VERSION,
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
        )
        headers = {"Idempotency-Key": message.id}
        if self.key:
            signature = hmac.new(self.key.encode(), body, hashlib.sha256).hexdigest()
            headers[SIGNATURE_HEADER] = f"sha256={signature}"
        post_json(self.name, self.url, body, headers)

    send_test = send


class PushSettings(ChannelSettings):
    """`type: push`."""

    for_operators: ClassVar[bool] = False

    type: Literal["push"] = "push"
    app: SecretVariable
    key: SecretVariable
    segment: TextOrVariable = "Total Subscriptions"
    test_segment: TextOrVariable | None = None
    url: TextOrVariable = ONESIGNAL_URL

    def open(self, name: str, environment: Mapping[str, str]) -> Channel:
        """Return the channel."""
        test_segment = resolve(self.test_segment, environment) if self.test_segment else None
        return PushChannel(
            name=name,
            segment=resolve(self.segment, environment),
            test_segment=test_segment,
            url=resolve_url(self.url, environment),
            app=resolve(self.app, environment),
            key=resolve(self.key, environment),
        )


@dataclass(frozen=True)
class PushChannel:
    """Push messages to students through OneSignal's REST API.

    It sends only news, and of that only the exam and the number of students.
    """

    name: str
    segment: str
    test_segment: str | None
    url: str = field(repr=False)
    app: str = field(repr=False)
    key: str = field(repr=False)

    def send(self, message: Message) -> str | None:
        """Tell all subscribers that results are live."""
        if message.event is not Event.NEWS:
            reason = "this channel sends to students, so it sends only news"
            raise ChannelError(self.name, reason, is_down=False)
        students = message.detail(STUDENTS)
        text = f"{message.detail(EXAM)}: the results of {students} students are available."
        return self._push(message, self.segment, "Results are live", text)

    def send_test(self, message: Message) -> str | None:
        """Send only to the test segment."""
        if self.test_segment is None:
            error = (
                f"{self.name}: a test message would go to every student. Add a test_segment to the "
                "channel in the rules file"
            )
            raise InactiveChannelError(error)
        return self._push(message, self.test_segment, "OuSpark", message.title)

    def _push(self, message: Message, segment: str, heading: str, text: str) -> str | None:
        body = {
            "app_id": self.app,
            "target_channel": "push",
            "included_segments": [segment],
            "headings": {"en": heading},
            "contents": {"en": text},
            # OneSignal drops a repetition with the same key.
            "idempotency_key": message.id,
        }
        headers = {"Authorization": f"Key {self.key}"}
        response = post_json(self.name, self.url, orjson.dumps(body), headers)
        try:
            answer = orjson.loads(response)
        except orjson.JSONDecodeError:
            return None
        # OneSignal answers with an empty id when there was nobody to send to.
        has_no_recipients = isinstance(answer, dict) and answer.get("id") == ""
        return "the segment has no subscribers" if has_no_recipients else None


def post_json(channel: str, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Post JSON within SEND_TIMEOUT and return the start of the response.

    Raises ChannelError for every status but success. Causes are dropped: they name the address.
    """
    # At INFO httpx logs every address.
    for logger in ("httpx", "httpcore"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    try:
        response, content = asyncio.run(_post(url, body, headers))
    except (TimeoutError, httpx.TimeoutException):
        reason = f"no answer within {SEND_TIMEOUT:.0f} s"
        raise ChannelError(channel, reason, is_down=True) from None
    except httpx.ConnectError as error:
        is_tls = "certificate" in str(error).lower() or "ssl" in str(error).lower()
        reason = "its TLS certificate is not trusted" if is_tls else "cannot be reached"
        raise ChannelError(channel, reason, is_down=True) from None
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        reason = f"the connection broke ({type(error).__name__})"
        raise ChannelError(channel, reason, is_down=True) from None
    if response.is_success:
        return content
    status, retry_after = response.status_code, response.headers.get("Retry-After", "")
    hint = f" ({STATUS_HINTS[status]})" if status in STATUS_HINTS else ""
    raise ChannelError(
        channel,
        f"answered {status}{hint}",
        is_down=status in DOWN_STATUSES or response.is_server_error,
        # Only seconds; a date is ignored.
        retry_after=float(retry_after[:6])
        if retry_after.isascii() and retry_after.isdigit()
        else None,
    )


async def _post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[httpx.Response, bytes]:
    """Send one request; the timeout covers all of it, however slowly the response arrives."""
    headers = {"Content-Type": "application/json", "User-Agent": "OuSpark alerts", **headers}
    async with (
        asyncio.timeout(SEND_TIMEOUT),
        httpx.AsyncClient(timeout=SEND_TIMEOUT, follow_redirects=False) as client,
        client.stream("POST", url, content=body, headers=headers) as response,
    ):
        content = b""
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) >= MAX_RESPONSE_BYTES:
                break
        return response, content[:MAX_RESPONSE_BYTES]
