"""Servers of a few bytes: whoever connects is answered by hand, right or wrong, once or for ever.

For what no HTTP library would send; a site that answers properly is `site/small_site.py`.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

HEAD_END = b"\r\n\r\n"
Talk = Callable[[socket.socket], None]


def saying(data: bytes) -> Talk:
    """Send this and close."""
    return lambda client: client.sendall(data)


def silent_after(data: bytes) -> Talk:
    """Send this, and then nothing until the other side gives up."""

    def talk(client: socket.socket) -> None:
        client.sendall(data)
        while client.recv(65536):
            pass

    return talk


def endless(begin: bytes, chunk: bytes) -> Talk:
    """Send a beginning and then the same over and over, until the other side gives up."""

    def talk(client: socket.socket) -> None:
        client.sendall(begin)
        while True:
            client.sendall(chunk)

    return talk


def after_request(talk: Talk) -> Talk:
    """Read the head of a request first."""

    def wait(client: socket.socket) -> None:
        head = b""
        while HEAD_END not in head and (more := client.recv(65536)):
            head += more
        talk(client)

    return wait


def by_lines(answer: Callable[[bytes], bytes]) -> Talk:
    """Answer everything that comes, until the other side hangs up."""

    def talk(client: socket.socket) -> None:
        while asked := client.recv(65536):
            client.sendall(answer(asked))

    return talk


@contextlib.contextmanager
def listening(talk: Talk) -> Iterator[int]:
    """A port of the loopback on which everybody is talked to like this."""
    clients: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        thread = threading.Thread(target=_serve, args=(server, talk, clients), daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            # Accepting is not interrupted by closing.
            server.shutdown(socket.SHUT_RDWR)
            for client in clients:
                client.close()


def _serve(server: socket.socket, talk: Talk, clients: list[socket.socket]) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            clients.append(client)
            threading.Thread(target=_talk, args=(client, talk), daemon=True).start()


def _talk(client: socket.socket, talk: Talk) -> None:
    with contextlib.suppress(OSError), client:
        talk(client)
        client.shutdown(socket.SHUT_WR)
        # Closing with something unread would reset the connection under the answer.
        while client.recv(65536):
            pass
