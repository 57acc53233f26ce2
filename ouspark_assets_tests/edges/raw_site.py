"""Raw socket servers that send whatever bytes a test needs, once or without end.

For input that no HTTP library would send. `sources/results_site/small_site.py` is a site that
answers in valid HTTP.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

HEAD_END = b"\r\n\r\n"
Talk = Callable[[socket.socket], None]


def reply_with(data: bytes) -> Talk:
    """Return a talk that sends these bytes and closes the connection."""
    return lambda client: client.sendall(data)


def silent_after(data: bytes) -> Talk:
    """Return a talk that sends these bytes, then nothing until the client gives up."""

    def talk(client: socket.socket) -> None:
        client.sendall(data)
        while client.recv(65536):
            pass

    return talk


def endless(begin: bytes, chunk: bytes) -> Talk:
    """Return a talk that sends a beginning, then a chunk repeatedly until the client gives up."""

    def talk(client: socket.socket) -> None:
        client.sendall(begin)
        while True:
            client.sendall(chunk)

    return talk


def after_request(talk: Talk) -> Talk:
    """Return a talk that first reads the head of a request."""

    def wait(client: socket.socket) -> None:
        head = b""
        while HEAD_END not in head and (more := client.recv(65536)):
            head += more
        talk(client)

    return wait


def by_lines(answer: Callable[[bytes], bytes]) -> Talk:
    """Return a talk that answers every request until the client closes the connection."""

    def talk(client: socket.socket) -> None:
        while asked := client.recv(65536):
            client.sendall(answer(asked))

    return talk


@contextlib.contextmanager
def listening(talk: Talk) -> Iterator[int]:
    """Listen on a loopback port and talk to every client like this."""
    clients: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        thread = threading.Thread(target=_serve, args=(server, talk, clients), daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            # Closing a socket does not interrupt accept().
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
        # Closing with unread data would reset the connection and lose the answer.
        while client.recv(65536):
            pass
