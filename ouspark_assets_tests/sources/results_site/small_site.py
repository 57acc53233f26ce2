"""A small results site: an HTTP server in a thread, its pages, and scrapes of one release."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from random import Random

from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.scrape_report import ScrapeReport
from ouspark_assets.sources.results_site.scrape_request import ScrapeRequest, build_scope
from ouspark_assets.sources.results_site.scraper import run_scrape
from ouspark_assets.sources.results_site.ticket_plan import SearchScope

HEAD = """<html><head><title>Osmania University Results - 2006</title><script>
function check(){{ if (document.FrontPage_Form1.htno.value.length != 12)
{{ alert("Please Enter 12 Digit Hall Ticket No.") }} }}</script></head><body>
<form method="post" name="FrontPage_Form1" action=""><input type="hidden" name="mbstatus">
<table id="AutoNumber1" width="90%"><tr><td><p align=center><b>B.E. (AICTE) VI sem.</b></td></tr>
<tr><td><p align=right><font size=1>22-Dec-2021</font></td></tr>
{middle}
<tr><td><table id="AutoNumber6"><tr><td>Enter  Hall Ticket No. :<input type="text" name="htno"
 size="15" maxlength="12"></td></tr><tr><td><font color=red>Please Enter  12 Digit Hall Ticket
 Number Ex: 160421733999</font></td></tr></table></td></tr></table></form></body></html>"""

RESULT = """<tr><td><table id="AutoNumber2"><tr><td>
<table style="x" id="AutoNumber3" width="100%"><tr><td colspan=4>Personal Details</td></tr>
<tr><td>{label}</td><td><b> <font color="#FF0000">&nbsp;{ticket}</font></b></td>
<td>Gender</td><td><b>MALE</b></td></tr>
<tr><td>Name</td><td><b>MADE UP</b></td><td>Father's Name</td><td><b>ALSO MADE UP</b></td></tr>
</table></td></tr><tr><td><table id="AutoNumber4"><tr><td>Sub Code</td></tr>
<tr><td>601</td><td>A SUBJECT</td><td>3</td><td>8</td><td>B</td></tr></table></td></tr>
<tr><td><table id="AutoNumber5"><tr><td>6</td><td>{status}</td><td>-</td></tr></table></td></tr>
</table></td></tr>"""


def found_page(
    ticket: str, *, label: str = "Hall Ticket No.", status: str = "PASSED-8.38"
) -> bytes:
    """Return a student's page."""
    middle = RESULT.format(ticket=ticket, label=label, status=status)
    return HEAD.format(middle=middle).encode("iso-8859-1")


def sentence_page(ticket: str, ending: str = "Not Found.", quote: str = '"') -> bytes:
    """Return an answer without a student: not found, or no change."""
    sentence = f"  The Hall Ticket Number {quote}{ticket}{quote} Is {ending}"
    return HEAD.format(middle=f"<tr><td><b>{sentence}</b></td></tr>").encode("iso-8859-1")


@dataclass(frozen=True)
class Sent:
    """What the site sends: an answer, or a connection that breaks."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    cut_to: int | None = None
    seconds: float = 0.0
    endless: bool = False
    seconds_a_byte: float = 0.0


@dataclass
class SmallSite:
    """A running site and the requests it received."""

    url: str = ""
    requests: list[tuple[float, str]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def page(self, release: str = "20250402") -> str:
        return f"{self.url}/res07/{release}.jsp"

    @property
    def tickets(self) -> list[str]:
        return [ticket for _, ticket in self.requests]


Answers = Callable[[str], Sent]


def answers_for(students: set[str]) -> Answers:
    """Return the answers of a reliable site with these students."""
    return lambda ticket: Sent(found_page(ticket) if ticket in students else sentence_page(ticket))


@contextmanager
def small_site(answers: Answers, *, tls: ssl.SSLContext | None = None) -> Iterator[SmallSite]:
    """Serve until the end of the block; `answers` gets the ticket of a POST, the path of a GET."""
    site = SmallSite()
    ready, ended = threading.Event(), threading.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _talk(reader, writer, site, answers)

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        site.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        ready.set()
        await asyncio.to_thread(ended.wait)
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield site
    finally:
        ended.set()
        thread.join(10)


async def _talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, site: SmallSite, answers: Answers
) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(
                (
                    int(line.split(":")[1])
                    for line in head.split("\r\n")
                    if line.lower().startswith("content-length:")
                ),
                0,
            )
            body = (await reader.readexactly(length)).decode("latin-1")
            asked = body.rsplit("htno=", 1)[-1] if length else head.split(" ")[1]
            site.requests.append((time.monotonic(), asked))
            site.heads.append(head)
            if not await _send(writer, answers(asked)):
                return
    except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
        return
    finally:
        writer.close()


async def _send(writer: asyncio.StreamWriter, sent: Sent) -> bool:
    """Send an answer and return whether the connection stays open."""
    if sent.reset:
        writer.transport.abort()
        return False
    headers = {"Content-Length": str(len(sent.body)), "Content-Type": "text/html", **sent.headers}
    if sent.endless:
        del headers["Content-Length"]
    lines = [f"HTTP/1.1 {sent.status} {HTTPStatus(sent.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    if sent.seconds:
        await writer.drain()
        await asyncio.sleep(sent.seconds)
    if sent.endless:
        while not writer.is_closing():
            writer.write(b"x" * 65536)
            await writer.drain()
    if sent.seconds_a_byte:
        for place in range(len(sent.body)):
            writer.write(sent.body[place : place + 1])
            await asyncio.sleep(sent.seconds_a_byte)
        return True
    writer.write(sent.body[: sent.cut_to])
    await writer.drain()
    return sent.cut_to is None


# Scrapes of one release of the site

RELEASE = "20250402"


def scope_of(settings: SiteSettings) -> SearchScope:
    """Return the search scope with the colleges and branches of the small site."""
    return build_scope(settings, ("1604", "2453"), ("733", "735"))


STUDENTS = {f"160424733{serial:03d}" for serial in (*range(1, 30), *range(301, 305))}
SETTINGS = SiteSettings(site_read_timeout=2, site_page_timeout=4, site_patience=20)


def make_request(site: SmallSite, **options: object) -> ScrapeRequest:
    facts = ReleaseFacts(
        RELEASE, site.page(), semesters=(1, 3), session_year=2026, session_month=2,
        published_on=datetime.now(UTC).date(),
    )  # fmt: skip
    return ScrapeRequest(facts, (RELEASE,), **options)


class NoJitter(Random):
    """Random numbers at their lower limit, with which no retry waits."""

    def uniform(self, a: float, _b: float) -> float:
        return a


def scrape_site(
    site: SmallSite, archive: PageArchive, *, settings: SiteSettings = SETTINGS, **options: object
) -> ScrapeReport:
    return run_scrape(
        settings, make_request(site, **options), archive, scope_of(settings), random=NoJitter()
    )


def found_tickets(archive: PageArchive) -> set[str]:
    frame = archive.answers(RELEASE)
    return set(frame.filter(frame["outcome"] == "found")["hall_ticket"])
