"""E-mail by SMTP: encrypted unless the address says otherwise, and never a password in clear."""

import smtplib
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Annotated, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from ouspark_assets.operations.alerts.channels.channel import (
    SEND_SECONDS,
    Channel,
    ChannelError,
    ChannelSpec,
    UnusableError,
    said_of,
    value_of,
)
from ouspark_assets.operations.alerts.findings import Severity
from ouspark_assets.operations.alerts.messages import Event, Message
from ouspark_assets.operations.alerts.options import Option, Variable, secret, text_or_variable
from ouspark_assets.operations.alerts.wording import one_line

PORTS = {"smtp": 587, "smtps": 465}
DOMAIN = "ouspark.invalid"
PERMANENT = 500


@dataclass(frozen=True, kw_only=True)
class EmailSpec(ChannelSpec):
    """`type: email`."""

    type: ClassVar[str] = "email"
    server: Annotated[Variable, Option(secret)]
    sender: Annotated[str | Variable, Option(text_or_variable, key="from")]
    to: Annotated[tuple[str | Variable, ...], Option(text_or_variable, many=True)]

    @property
    def variables(self) -> tuple[str, ...]:
        """Those of the recipients too."""
        return (*super().variables, *(it.name for it in self.to if isinstance(it, Variable)))

    def opened(self, name: str, environment: Mapping[str, str]) -> Channel:
        """The channel."""
        server = _server(self.server, environment)
        sender = _addresses(self.sender, environment)
        if len(sender) > 1:
            message = f"{said_of(self.sender)} names more than one sender"
            raise UnusableError(message)
        recipients = tuple(one for it in self.to for one in _addresses(it, environment))
        return Email(name, server, sender[0], recipients)


@dataclass(frozen=True, repr=False)
class Server:
    """A mail server and how it is spoken to."""

    host: str
    port: int
    tls_from_the_start: bool
    starttls: bool
    user: str | None
    password: str | None


@dataclass(frozen=True)
class Email:
    """People with mailboxes."""

    name: str
    server: Server = field(repr=False)
    sender: str = field(repr=False)
    to: tuple[str, ...] = field(repr=False)

    def send(self, message: Message) -> str | None:
        """One mail to all of them; mails about one alert make one thread."""
        written = mail(message, self.sender, self.to)
        try:
            refused = _deliver(self.server, written)
        except smtplib.SMTPAuthenticationError as error:
            why = f"it refuses the user or the password ({error.smtp_code})"
            raise ChannelError(self.name, why, is_down=True) from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            why = f"it refuses all recipients ({min(codes)})"
            raise ChannelError(self.name, why, is_down=True) from None
        except smtplib.SMTPResponseException as error:
            raise _answered(self.name, error) from None
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelError(self.name, _why(error), is_down=True) from None
        return f"{refused} of {len(self.to)} recipients refused" if refused else None

    send_test = send


def mail(message: Message, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The mail."""
    it = EmailMessage()
    it["Subject"] = one_line(f"OuSpark: {message.title}")
    it["From"] = sender
    it["To"] = ", ".join(to)
    it["Date"] = format_datetime(message.at)
    it["Message-ID"] = f"<{message.id}@{DOMAIN}>"
    it["References"] = f"<{message.alert}@{DOMAIN}>"
    it["Auto-Submitted"] = "auto-generated"
    if message.severity is Severity.CRITICAL and message.event in (Event.BEGUN, Event.REMINDER):
        it["Importance"] = "high"
    it.set_content("\n".join((message.title, "", *message.lines)))
    return it


def _deliver(server: Server, message: EmailMessage) -> int:
    """Hand a mail over within the time; returns how many recipients were refused.

    The time limits of `smtplib` are for each answer: a server that drips would hold up everything.
    """
    refused: Future[int] = Future()

    def work() -> None:
        try:
            with _session(server) as smtp:
                refused.set_result(len(smtp.send_message(message)))
        except (smtplib.SMTPException, OSError) as error:
            if not refused.done():
                refused.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return refused.result(SEND_SECONDS)


@contextmanager
def _session(server: Server) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    where = (server.host, server.port)
    smtp: smtplib.SMTP = (
        smtplib.SMTP_SSL(*where, timeout=SEND_SECONDS, context=context)
        if server.tls_from_the_start
        else smtplib.SMTP(*where, timeout=SEND_SECONDS)
    )
    with smtp:
        if server.starttls:
            smtp.starttls(context=context)
        if server.user is not None:
            smtp.login(server.user, server.password or "")
        yield smtp


def _answered(channel: str, error: smtplib.SMTPResponseException) -> ChannelError:
    # What is wrong with the mail itself is no matter of the next one.
    is_down = not (isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= PERMANENT)
    why = f"the mail server answered {error.smtp_code}"
    return ChannelError(channel, why, is_down=is_down)


def _why(error: Exception) -> str:
    """The kind of trouble; what the error says itself may name people or the server."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the mail server offers no encryption, or no way to log in"
    if isinstance(error, ssl.SSLError):
        return "the mail server's TLS certificate is refused"
    if isinstance(error, TimeoutError):
        return f"no answer within {SEND_SECONDS:.0f} s"
    if isinstance(error, ConnectionError) and not isinstance(error, ConnectionResetError):
        return "the mail server can't be reached"
    return f"the mail server hung up ({type(error).__name__})"


def _server(variable: Variable, environment: Mapping[str, str]) -> Server:
    address = value_of(variable, environment)
    try:
        parts = urlsplit(address)
        port = parts.port or PORTS[parts.scheme]
        tls = parse_qs(parts.query).get("tls", ["always"])
    except (ValueError, KeyError):
        port, tls = 0, []
    if not port or not parts.hostname or tls not in (["always"], ["never"]):
        message = f"{variable.name} is not an address as smtp://user:password@host:587, or smtps://"
        raise UnusableError(message)
    from_the_start = parts.scheme == "smtps"
    starttls = not from_the_start and tls == ["always"]
    user = unquote(parts.username) if parts.username else None
    if user is not None and not (from_the_start or starttls):
        message = f"{variable.name} would send a password unencrypted; leave out tls=never"
        raise UnusableError(message)
    password = unquote(parts.password) if parts.password else None
    return Server(parts.hostname, port, from_the_start, starttls, user, password)


def _addresses(value: str | Variable, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The mail addresses in a value, separated by commas."""
    found = tuple(part.strip() for part in value_of(value, environment).split(",") if part.strip())
    if not found or not all(_is_address(it) for it in found):
        message = f"{said_of(value)} is not a mail address, or several separated by commas"
        raise UnusableError(message)
    return found


def _is_address(text: str) -> bool:
    """With or without a name in front, as OuSpark <alerts@example.org>."""
    name, at, host = parseaddr(text)[1].rpartition("@")
    return bool(name and at and host) and text.isascii() and text.isprintable()
