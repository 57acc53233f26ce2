"""HTTP as the stand-in speaks it: whole requests and broken ones, many on one connection."""

import socket
import time
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.standin.http_messages import (
    MOST_BODY_BYTES,
    MOST_HEADER_BYTES,
    RefusedError,
    parsed,
)
from ouspark_assets.standin.process import RunningStandin, running_standin

GET = b"GET /res07/20240511.jsp?mbstatus&htno=160423733001 HTTP/1.1\r\nHost: here\r\n\r\n"
FORM = b"mbstatus=SEARCH&htno=160423733001"
POST = b"POST /res07/20240511.jsp HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (
    len(FORM),
    FORM,
)


@pytest.fixture
def connection(site: RunningStandin) -> Iterator[socket.socket]:
    where = urlsplit(site.url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        yield connection


def received(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def answers(text: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each response."""
    found = []
    while text:
        head, _, rest = text.partition(b"\r\n\r\n")
        status, *headers = head.decode().split("\r\n")
        length = next(int(each[16:]) for each in headers if each.startswith("Content-Length: "))
        found.append((int(status.split()[1]), rest[:length]))
        text = rest[length:]
    return found


@given(st.lists(st.sampled_from([GET, POST]), min_size=1, max_size=4), st.data())
def test_requests_are_read_whole_however_they_arrive(
    requests: list[bytes], data: st.DataObject
) -> None:
    text, buffer, read = b"".join(requests), bytearray(), []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        buffer += text[begin:end]
        while whole := parsed(buffer):
            read.append(whole[0])
            del buffer[: whole[1]]
    assert [request.parameters()["htno"] for request in read] == ["160423733001"] * len(requests)
    assert not buffer


@given(st.binary(max_size=300))
def test_rubbish_is_refused_or_waited_on_and_never_more(rubbish: bytes) -> None:
    outcome: object
    try:
        outcome = parsed(bytearray(rubbish + b"\r\n\r\n"))
    except RefusedError as refused:
        outcome = refused.status
    refusals = (HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED)
    assert outcome is None or outcome in refusals or isinstance(outcome, tuple)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nbroken header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
        (b"GET elsewhere HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1e3\r\n\r\n", 400),
        (b"DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1), 413),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * MOST_HEADER_BYTES + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * MOST_HEADER_BYTES, 431),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    ],
)
def test_a_broken_request_gets_its_status_and_the_connection_ends(
    connection: socket.socket, request_: bytes, status: int
) -> None:
    connection.sendall(request_)
    assert [answer[0] for answer in answers(received(connection))] == [status]


def test_pipelined_requests_are_answered_in_their_order(connection: socket.socket) -> None:
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    tickets = [b"160423733001", b"160423733002", b"160423733003"]
    connection.sendall(b"".join(
        [*(GET.replace(b"160423733001", ticket) for ticket in tickets), POST, last]
    ))  # fmt: skip
    read = answers(received(connection))
    assert [status for status, _ in read] == [200] * 5
    for ticket, (_, body) in zip([*tickets, *tickets[:1] * 2], read, strict=True):
        assert b"&nbsp;" + ticket in body or b'"' + ticket + b'" Is Not Found' in body


def test_head_is_answered_with_the_headers_of_get_alone(connection: socket.socket) -> None:
    connection.sendall(GET.replace(b"GET", b"HEAD").replace(b"here", b"here\r\nConnection: close"))
    head, _, body = received(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Type: text/html;charset=ISO-8859-1" in head
    assert int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) > 1000
    assert body == b""


def test_old_clients_get_one_answer_and_the_end(connection: socket.socket) -> None:
    connection.sendall(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert [status for status, _ in answers(received(connection))] == [200]


def test_whole_addresses_are_understood(connection: socket.socket) -> None:
    connection.sendall(GET.replace(b"GET /", b"GET http://here/").replace(b"1.1", b"1.0"))
    assert [status for status, _ in answers(received(connection))] == [200]


def test_a_client_that_does_not_read_gets_everything_once_it_does(
    connection: socket.socket,
) -> None:
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    connection.sendall(GET * 1000 + last)
    time.sleep(0.2)
    assert len(answers(received(connection))) == 1001


def asked(faults: str, *requests: bytes, patience: float = 20) -> list[tuple[bytes, float, bool]]:
    """What arrives on such a day, when, and whether it was reset; a connection per request."""
    with running_standin(students=40, releases=1, faults=faults) as site:
        return [exchange(site, request, patience) for request in requests]


def exchange(site: RunningStandin, request: bytes, patience: float) -> tuple[bytes, float, bool]:
    where = urlsplit(site.url)
    began = time.monotonic()
    with socket.create_connection((where.hostname, where.port), timeout=patience) as connection:
        connection.sendall(request)
        try:
            return received(connection), time.monotonic() - began, False
        except ConnectionResetError:
            return b"", time.monotonic() - began, True
        except TimeoutError:
            return b"", time.monotonic() - began, False


LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def test_a_reset_is_a_real_reset() -> None:
    assert asked("resets:1", GET)[0][2]


def test_a_site_that_never_answers_keeps_the_connection_open() -> None:
    ((body, seconds, reset),) = asked("timeouts:1", GET + GET, patience=1)
    assert (body, reset) == (b"", False)
    assert seconds >= 1


def test_a_slow_site_answers_later_and_in_order() -> None:
    ((text, seconds, _),) = asked("slow:0.2", POST + LAST)
    assert [status for status, _ in answers(text)] == [200, 200]
    assert seconds >= 0.2


def test_a_cut_body_ends_before_its_length_or_states_the_cut_one() -> None:
    requests = [LAST.replace(b"001 HTTP", b"%03d HTTP" % serial) for serial in range(1, 13)]
    texts = [text for text, _, _ in asked("truncated:1", *requests)]
    lengths = [
        (
            int(text.split(b"Content-Length: ")[1].split(b"\r\n")[0]),
            len(text.partition(b"\r\n\r\n")[2]),
        )
        for text in texts
    ]
    assert {stated == arrived for stated, arrived in lengths} == {True, False}
    assert all(stated >= arrived for stated, arrived in lengths)
    assert not [text for text in texts if text.rstrip().endswith(b"</html>")]
