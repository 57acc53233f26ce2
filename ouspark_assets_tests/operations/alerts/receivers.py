"""Real receivers on the loopback: a web server and a mail server that do as they are told.

What they are told may be to refuse, to hang, to drip; what they took is kept.
"""

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DRIP_SECONDS = 0.2


@dataclass(frozen=True)
class Posted:
    """A request that a web server took or refused."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class WebReceiver:
    """A web server; `answers` are given one after the other, then the last again and again."""

    port: int
    answers: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    drips: bool = False
    asked: list[Posted] = field(default_factory=list)
    # Called while a request is under way.
    meanwhile: Callable[[], None] = lambda: None
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/T0000/SECRET-PATH"

    @property
    def taken(self) -> list[Any]:
        """The bodies of what it took."""
        return [it.json for it in self.asked if it.status < 300]

    def next_status(self) -> int:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def web_receiver(port: int = 0) -> Iterator[WebReceiver]:
    """A web server as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.meanwhile()
            status = receiver.next_status()
            receiver.asked.append(Posted(self.path, dict(self.headers), body, status))
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                while receiver.drips and not receiver.stopped.wait(DRIP_SECONDS):
                    self.wfile.write(b".")
                self.wfile.write(receiver.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        receiver = WebReceiver(server.server_address[1])
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield receiver
        finally:
            receiver.stopped.set()
            server.shutdown()


@dataclass
class MailReceiver:
    """A mail server: the users it knows, the recipients it refuses, the codes it answers with."""

    port: int
    users: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    data_code: int = 250
    drips: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    # For each mail: whether it came encrypted, and as whom.
    encrypted: list[bool] = field(default_factory=list)
    logged_in: list[str | None] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


class MailServer(socketserver.ThreadingTCPServer):
    """The server of a mail receiver."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None, *, from_the_start: bool) -> None:
        super().__init__(("127.0.0.1", 0), MailSession)
        self.receiver = MailReceiver(self.server_address[1])
        self.tls, self.from_the_start = tls, from_the_start

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that does not trust the certificate hangs up


class MailSession(socketserver.StreamRequestHandler):
    """What the server says to one client."""

    server: MailServer

    def handle(self) -> None:
        self.receiver, self.tls = self.server.receiver, self.server.tls
        self.secure, self.user = False, None
        self.to: list[str] = []
        with suppress(OSError):
            if self.server.from_the_start:
                self.encrypt()
            if self.receiver.drips:
                self.drip()
            self.say("220 mail.example.org")
            while (line := self.rfile.readline()) and self.obey(line.decode().strip()):
                pass

    def obey(self, line: str) -> bool:
        verb, _, rest = line.partition(" ")
        answer = getattr(self, f"do_{verb.lower()}", None)
        if answer is None:
            self.say("500 unknown")
            return True
        answer(rest)
        return verb != "QUIT"

    def do_ehlo(self, _: str) -> None:
        offers = ["mail.example.org"]
        if self.tls and not self.secure:
            offers.append("STARTTLS")
        if self.receiver.users:
            offers.append("AUTH PLAIN")
        self.say("\r\n".join([f"250-{it}" for it in offers[:-1]] + [f"250 {offers[-1]}"]))

    def do_starttls(self, _: str) -> None:
        self.say("220 go on")
        self.encrypt()

    def do_auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        if self.receiver.users.get(user) == password:
            self.user = user
            self.say("235 welcome")
        else:
            self.say(f"535 {user} has another password than {password}")

    def do_mail(self, _: str) -> None:
        self.to = []
        self.say("250 ok")

    def do_rcpt(self, rest: str) -> None:
        address = rest.partition("<")[2].partition(">")[0]
        if address in self.receiver.refused:
            self.say(f"550 no such user {address}")
            return
        self.to.append(address)
        self.say("250 ok")

    def do_data(self, _: str) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        if self.receiver.data_code == 250:
            mail = message_from_bytes(b"".join(lines), policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.receiver.mails.append(mail)
            self.receiver.recipients.append(self.to)
            self.receiver.encrypted.append(self.secure)
            self.receiver.logged_in.append(self.user)
        self.say(f"{self.receiver.data_code} done")

    def do_rset(self, _: str) -> None:
        self.say("250 ok")

    def do_quit(self, _: str) -> None:
        self.say("221 bye")

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def drip(self) -> None:
        self.wfile.write(b"220")
        while not self.receiver.stopped.wait(DRIP_SECONDS):
            self.wfile.write(b"-")

    def encrypt(self) -> None:
        assert self.tls is not None
        self.request = self.tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
        self.secure = True


@contextmanager
def mail_receiver(
    tls: ssl.SSLContext | None = None, *, from_the_start: bool = False
) -> Iterator[MailReceiver]:
    """A mail server as long as the block lasts."""
    with MailServer(tls, from_the_start=from_the_start) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server.receiver
        finally:
            server.receiver.stopped.set()
            server.shutdown()
