"""The HTTP server of the stand-in: valid, invalid and pipelined requests, and faulty deliveries."""

import socket
import time
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.standin.http_messages import (
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    RefusedError,
    parse_request,
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


def read_all(connection: socket.socket) -> bytes:
    """Return everything until the server closes the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def split_answers(text: bytes) -> list[tuple[int, bytes]]:
    """Return status and body of each response."""
    found = []
    while text:
        head, _, rest = text.partition(b"\r\n\r\n")
        status, *headers = head.decode().split("\r\n")
        length = next(int(each[16:]) for each in headers if each.startswith("Content-Length: "))
        found.append((int(status.split()[1]), rest[:length]))
        text = rest[length:]
    return found


@given(st.lists(st.sampled_from([GET, POST]), min_size=1, max_size=4), st.data())
def test_requests_are_parsed_whatever_pieces_they_arrive_in(
    requests: list[bytes], data: st.DataObject
) -> None:
    text, buffer, read = b"".join(requests), bytearray(), []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        buffer += text[begin:end]
        while parsed := parse_request(buffer):
            read.append(parsed[0])
            del buffer[: parsed[1]]
    assert [request.parameters()["htno"] for request in read] == ["160423733001"] * len(requests)
    assert not buffer


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_parsed_or_incomplete(data: bytes) -> None:
    outcome: object
    try:
        outcome = parse_request(bytearray(data + b"\r\n\r\n"))
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
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 413),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * MAX_HEADER_BYTES, 431),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    ],
)
def test_an_invalid_request_gets_its_status_and_the_connection_is_closed(
    connection: socket.socket, request_: bytes, status: int
) -> None:
    connection.sendall(request_)
    assert [answer[0] for answer in split_answers(read_all(connection))] == [status]


def test_pipelined_requests_are_answered_in_order(connection: socket.socket) -> None:
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    tickets = [b"160423733001", b"160423733002", b"160423733003"]
    connection.sendall(b"".join(
        [*(GET.replace(b"160423733001", ticket) for ticket in tickets), POST, last]
    ))  # fmt: skip
    read = split_answers(read_all(connection))
    assert [status for status, _ in read] == [200] * 5
    for ticket, (_, body) in zip([*tickets, *tickets[:1] * 2], read, strict=True):
        assert b"&nbsp;" + ticket in body or b'"' + ticket + b'" Is Not Found' in body


def test_head_gets_the_headers_of_get_without_a_body(connection: socket.socket) -> None:
    connection.sendall(GET.replace(b"GET", b"HEAD").replace(b"here", b"here\r\nConnection: close"))
    head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Type: text/html;charset=ISO-8859-1" in head
    assert int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) > 1000
    assert body == b""


def test_http_1_0_clients_get_one_answer_and_the_connection_is_closed(
    connection: socket.socket,
) -> None:
    connection.sendall(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert [status for status, _ in split_answers(read_all(connection))] == [200]


def test_absolute_urls_in_requests_are_accepted(connection: socket.socket) -> None:
    connection.sendall(GET.replace(b"GET /", b"GET http://here/").replace(b"1.1", b"1.0"))
    assert [status for status, _ in split_answers(read_all(connection))] == [200]


def test_a_client_that_reads_late_gets_every_answer(
    connection: socket.socket,
) -> None:
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    connection.sendall(GET * 1000 + last)
    time.sleep(0.2)
    assert len(split_answers(read_all(connection))) == 1001


def request_with_faults(
    faults: str, *requests: bytes, timeout: float = 20
) -> list[tuple[bytes, float, bool]]:
    """Return per request what arrived, after how long, and whether the connection was reset."""
    with running_standin(students=40, releases=1, faults=faults) as site:
        return [exchange(site, request, timeout) for request in requests]


def exchange(site: RunningStandin, request: bytes, timeout: float) -> tuple[bytes, float, bool]:
    where = urlsplit(site.url)
    began = time.monotonic()
    with socket.create_connection((where.hostname, where.port), timeout=timeout) as connection:
        connection.sendall(request)
        try:
            return read_all(connection), time.monotonic() - began, False
        except ConnectionResetError:
            return b"", time.monotonic() - began, True
        except TimeoutError:
            return b"", time.monotonic() - began, False


LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def test_the_fault_reset_is_a_tcp_reset() -> None:
    assert request_with_faults("resets:1", GET)[0][2]


def test_the_fault_timeout_keeps_the_connection_open() -> None:
    ((body, seconds, reset),) = request_with_faults("timeouts:1", GET + GET, timeout=1)
    assert (body, reset) == (b"", False)
    assert seconds >= 1


def test_a_slow_site_answers_late_and_in_order() -> None:
    ((text, seconds, _),) = request_with_faults("slow:0.2", POST + LAST)
    assert [status for status, _ in split_answers(text)] == [200, 200]
    assert seconds >= 0.2


def test_a_truncated_body_ends_before_its_length_or_states_the_cut_length() -> None:
    requests = [LAST.replace(b"001 HTTP", b"%03d HTTP" % serial) for serial in range(1, 13)]
    texts = [text for text, _, _ in request_with_faults("truncated:1", *requests)]
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
