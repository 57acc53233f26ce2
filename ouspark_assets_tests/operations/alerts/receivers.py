"""A web server and a mail server on the loopback that accept, refuse or hang as a test says."""

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

DRIP_INTERVAL = 0.2


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that a web server accepted or refused."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class WebReceiver:
    """A web server; it answers with each of `statuses` in turn, then with the last one always."""

    port: int
    statuses: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    # Whether it sends a byte now and then and never ends.
    drips: bool = False
    requests: list[ReceivedRequest] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None
    is_stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/T0000/SECRET-PATH"

    @property
    def accepted(self) -> list[Any]:
        """The bodies of the accepted requests."""
        return [request.json for request in self.requests if request.status < 300]


@contextmanager
def web_receiver(port: int = 0) -> Iterator[WebReceiver]:
    """Run a web server during the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.before_answer()
            statuses = receiver.statuses
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            receiver.requests.append(ReceivedRequest(self.path, dict(self.headers), body, status))
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                while receiver.drips and not receiver.is_stopped.wait(DRIP_INTERVAL):
                    self.wfile.write(b".")
                self.wfile.write(receiver.body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        receiver = WebReceiver(server.server_address[1])
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield receiver
        finally:
            receiver.is_stopped.set()
            server.shutdown()


@dataclass
class MailReceiver:
    """A mail server: its users, the recipients it refuses, its answer to the data, its mails."""

    port: int
    users: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    data_code: int = 250
    drips: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    # For each mail: whether it was encrypted, and the user that logged in.
    encrypted: list[bool] = field(default_factory=list)
    logged_in: list[str | None] = field(default_factory=list)
    is_stopped: threading.Event = field(default_factory=threading.Event)


class MailServer(socketserver.ThreadingTCPServer):
    """The TCP server of a mail receiver."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None, *, uses_tls: bool) -> None:
        super().__init__(("127.0.0.1", 0), MailSession)
        self.receiver = MailReceiver(self.server_address[1])
        self.tls, self.uses_tls = tls, uses_tls

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that does not trust the certificate closes the connection


class MailSession(socketserver.StreamRequestHandler):
    """The SMTP session with one client."""

    server: MailServer

    def handle(self) -> None:
        self.receiver, self.tls = self.server.receiver, self.server.tls
        self.is_encrypted = False
        self.user: str | None = None
        self.to: list[str] = []
        with suppress(OSError):
            if self.server.uses_tls:
                self.encrypt()
            if self.receiver.drips:
                self.drip()
            self.answer("220 mail.example.org")
            while (line := self.rfile.readline()) and self.execute(line.decode().strip()):
                pass

    def execute(self, line: str) -> bool:
        verb, _, rest = line.partition(" ")
        command = getattr(self, f"do_{verb.lower()}", None)
        if command is None:
            self.answer("500 unknown")
            return True
        command(rest)
        return verb != "QUIT"

    def do_ehlo(self, _: str) -> None:
        offers = ["mail.example.org"]
        if self.tls and not self.is_encrypted:
            offers.append("STARTTLS")
        if self.receiver.users:
            offers.append("AUTH PLAIN")
        self.answer("\r\n".join([f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]))

    def do_starttls(self, _: str) -> None:
        self.answer("220 ready")
        self.encrypt()

    def do_auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        if self.receiver.users.get(user) == password:
            self.user = user
            self.answer("235 welcome")
        else:
            self.answer(f"535 {user} has another password than {password}")

    def do_mail(self, _: str) -> None:
        self.to = []
        self.answer("250 ok")

    def do_rcpt(self, rest: str) -> None:
        address = rest.partition("<")[2].partition(">")[0]
        if address in self.receiver.refused:
            self.answer(f"550 no such user {address}")
            return
        self.to.append(address)
        self.answer("250 ok")

    def do_data(self, _: str) -> None:
        self.answer("354 send the data")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        if self.receiver.data_code == 250:
            mail = message_from_bytes(b"".join(lines), policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.receiver.mails.append(mail)
            self.receiver.recipients.append(self.to)
            self.receiver.encrypted.append(self.is_encrypted)
            self.receiver.logged_in.append(self.user)
        self.answer(f"{self.receiver.data_code} done")

    def do_rset(self, _: str) -> None:
        self.answer("250 ok")

    def do_quit(self, _: str) -> None:
        self.answer("221 bye")

    def answer(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def drip(self) -> None:
        self.wfile.write(b"220")
        while not self.receiver.is_stopped.wait(DRIP_INTERVAL):
            self.wfile.write(b"-")

    def encrypt(self) -> None:
        assert self.tls is not None
        self.request = self.tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
        self.is_encrypted = True


@contextmanager
def mail_receiver(
    tls: ssl.SSLContext | None = None, *, uses_tls: bool = False
) -> Iterator[MailReceiver]:
    """Run a mail server during the block."""
    with MailServer(tls, uses_tls=uses_tls) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server.receiver
        finally:
            server.receiver.is_stopped.set()
            server.shutdown()
