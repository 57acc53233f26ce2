"""The mail channel: SMTP, encrypted unless the address says otherwise, never a password in clear.

Causes of errors are dropped (`from None`): they name people, the server or the password.
"""

import smtplib
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import Field

from ouspark_assets.operations.alerts.channels import (
    SEND_TIMEOUT,
    Channel,
    ChannelError,
    ChannelSettings,
    InactiveChannelError,
    name_of,
    resolve,
)
from ouspark_assets.operations.alerts.formatting import to_one_line
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets.operations.alerts.option_types import (
    SecretVariable,
    TextOrVariable,
    TextsOrVariables,
    Variable,
)
from ouspark_assets.operations.alerts.rules import Severity

DEFAULT_PORTS = {"smtp": 587, "smtps": 465}
# The domain of message ids: reserved, so that an id is never an address.
ID_DOMAIN = "ouspark.invalid"
PERMANENT_FAILURE = 500


class EmailSettings(ChannelSettings):
    """`type: email`."""

    type: Literal["email"] = "email"
    server: SecretVariable
    sender: TextOrVariable = Field(alias="from")
    to: TextsOrVariables

    def open(self, name: str, environment: Mapping[str, str]) -> Channel:
        """Return the channel."""
        server = _parse_server(self.server, environment)
        senders = _parse_addresses(self.sender, environment)
        if len(senders) > 1:
            message = f"{name_of(self.sender)} contains more than one sender"
            raise InactiveChannelError(message)
        recipients = tuple(
            address for value in self.to for address in _parse_addresses(value, environment)
        )
        return EmailChannel(name, server, senders[0], recipients)


@dataclass(frozen=True, repr=False)
class MailServer:
    """A mail server, its encryption and its login."""

    host: str
    port: int
    uses_tls: bool
    uses_starttls: bool
    user: str | None
    password: str | None


@dataclass(frozen=True)
class EmailChannel:
    """Mail to one or more addresses."""

    name: str
    server: MailServer = field(repr=False)
    sender: str = field(repr=False)
    to: tuple[str, ...] = field(repr=False)

    def send(self, message: Message) -> str | None:
        """Send one mail to all recipients; the mails about one alert form a thread."""
        try:
            refused = _deliver(self.server, _compose_mail(message, self.sender, self.to))
        except (smtplib.SMTPException, OSError) as error:
            # A permanent failure of the data concerns this mail alone, not the next one.
            is_mail_refused = (
                isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= PERMANENT_FAILURE
            )
            reason = _describe_failure(error)
            raise ChannelError(self.name, reason, is_down=not is_mail_refused) from None
        return f"{refused} of {len(self.to)} recipients refused" if refused else None

    send_test = send


def _compose_mail(message: Message, sender: str, to: tuple[str, ...]) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = to_one_line(f"OuSpark: {message.title}")
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.id}@{ID_DOMAIN}>"
    mail["References"] = f"<{message.alert}@{ID_DOMAIN}>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.severity is Severity.CRITICAL and message.event in (Event.OPENED, Event.REMINDER):
        mail["Importance"] = "high"
    mail.set_content("\n".join((message.title, "", *message.lines)))
    return mail


def _deliver(server: MailServer, mail: EmailMessage) -> int:
    """Send a mail within SEND_TIMEOUT; return how many recipients were refused.

    It runs in a thread because smtplib's timeout is per response: a server that sends a byte now
    and then would block the caller forever.
    """
    refused: Future[int] = Future()

    def send() -> None:
        try:
            with _connect(server) as smtp:
                refused.set_result(len(smtp.send_message(mail)))
        except (smtplib.SMTPException, OSError) as error:
            if not refused.done():
                refused.set_exception(error)

    threading.Thread(target=send, daemon=True).start()
    return refused.result(SEND_TIMEOUT)


@contextmanager
def _connect(server: MailServer) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    smtp: smtplib.SMTP = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=SEND_TIMEOUT, context=context)
        if server.uses_tls
        else smtplib.SMTP(server.host, server.port, timeout=SEND_TIMEOUT)
    )
    with smtp:
        if server.uses_starttls:
            smtp.starttls(context=context)
        if server.user is not None:
            smtp.login(server.user, server.password or "")
        yield smtp


def _describe_failure(error: Exception) -> str:  # noqa: PLR0911 (one per kind of failure)
    """Return the kind of failure; the error's own text may name people or the server."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return f"the mail server refuses the user or the password ({error.smtp_code})"
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in error.recipients.values()]
            return f"the mail server refuses all recipients ({min(codes)})"
        case smtplib.SMTPResponseException():
            return f"the mail server answered {error.smtp_code}"
        case smtplib.SMTPNotSupportedError():
            return "the mail server does not support encryption or login"
        case ssl.SSLError():
            return "the mail server's TLS certificate is not trusted"
        case TimeoutError():
            return f"no answer within {SEND_TIMEOUT:.0f} s"
        case ConnectionError() if not isinstance(error, ConnectionResetError):
            return "the mail server cannot be reached"
    return f"the mail server closed the connection ({type(error).__name__})"


def _parse_server(variable: Variable, environment: Mapping[str, str]) -> MailServer:
    address = resolve(variable, environment)
    try:
        parts = urlsplit(address)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        tls = parse_qs(parts.query).get("tls", ["always"])
    except (ValueError, KeyError):
        port, tls = 0, []
    if not port or not parts.hostname or tls not in (["always"], ["never"]):
        message = (
            f"{variable.name} is not an address like smtp://user:password@host:587 or smtps://…"
        )
        raise InactiveChannelError(message)
    uses_tls = parts.scheme == "smtps"
    uses_starttls = not uses_tls and tls == ["always"]
    if parts.username and not (uses_tls or uses_starttls):
        message = f"{variable.name} would send a password unencrypted; remove tls=never"
        raise InactiveChannelError(message)
    return MailServer(
        host=parts.hostname,
        port=port,
        uses_tls=uses_tls,
        uses_starttls=uses_starttls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def _parse_addresses(value: str | Variable, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the mail addresses of a value, e.g. `a@example.org, Team <b@example.org>`."""
    addresses = tuple(
        part.strip() for part in resolve(value, environment).split(",") if part.strip()
    )
    if not addresses or not all(_is_address(address) for address in addresses):
        message = f"{name_of(value)} must be a mail address, or several separated by commas"
        raise InactiveChannelError(message)
    return addresses


def _is_address(text: str) -> bool:
    user, _, host = parseaddr(text)[1].rpartition("@")
    return bool(user and host) and text.isascii() and text.isprintable()
