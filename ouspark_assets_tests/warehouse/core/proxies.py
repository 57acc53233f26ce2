"""Proxies on a loopback port for a server on a unix socket: one with TLS, one without.

The embedded PostgreSQL is built without OpenSSL. The TLS proxy answers PostgreSQL's SSLRequest,
completes the handshake and forwards the data. It counts and closes connections without TLS.
"""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])
CHUNK = 1 << 16


@dataclass
class TlsProxy:
    """The port of a TLS proxy, its certificate authority, and counts of its connections."""

    port: int
    authority: Path
    encrypted: int = 0
    plain: int = 0
    sockets: list[socket.socket] = field(default_factory=list)


@contextmanager
def tls_proxy(unix_socket: Path, folder: Path) -> Iterator[TlsProxy]:
    """Run a TLS proxy for a server on a unix socket during the block."""
    authority, certificate, key = write_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = TlsProxy(listener.getsockname()[1], authority)
        accepting = threading.Thread(
            target=_accept, args=(listener, proxy, context, unix_socket), daemon=True
        )
        accepting.start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
        for open_socket in proxy.sockets:
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        accepting.join()


@contextmanager
def plain_proxy(unix_socket: Path) -> Iterator[int]:
    """Run a proxy without TLS for a server on a unix socket, and yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(
            target=_accept_plain, args=(listener, unix_socket), daemon=True
        )
        accepting.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()


def _accept_plain(listener: socket.socket, unix_socket: Path) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(unix_socket))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=_forward, args=ends, daemon=True).start()


def _accept(
    listener: socket.socket, proxy: TlsProxy, context: ssl.SSLContext, unix_socket: Path
) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(
                target=_serve, args=(client, proxy, context, unix_socket), daemon=True
            ).start()


def _serve(
    client: socket.socket, proxy: TlsProxy, context: ssl.SSLContext, unix_socket: Path
) -> None:
    with suppress(OSError), client, socket.socket(socket.AF_UNIX) as server:
        proxy.sockets += [client, server]
        server.connect(str(unix_socket))
        if client.recv(len(SSL_REQUEST), socket.MSG_PEEK) != SSL_REQUEST:
            proxy.plain += 1
            return
        client.recv(len(SSL_REQUEST))
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as encrypted:
            proxy.encrypted += 1
            answering = threading.Thread(target=_forward, args=(server, encrypted), daemon=True)
            answering.start()
            _forward(encrypted, server)
            answering.join()


def _forward(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def write_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Write a certificate authority, a certificate it signed for the loopback, and its key."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test authority")])
    authority = _builder(name, name, authority_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    host = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    leaf = _builder(host, name, key).add_extension(
        x509.SubjectAlternativeName([address]), critical=False
    )
    paths = folder / "authority.pem", folder / "server.pem", folder / "server.key"
    for path, builder in zip(paths[:2], (authority, leaf), strict=True):
        signed = builder.sign(authority_key, hashes.SHA256())
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
    )
