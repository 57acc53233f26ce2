"""How metrics get out: as text, into a file for node_exporter, or over HTTP.

The text itself is prometheus-client's: its escaping, and whichever of the formats a reader accepts.
"""

import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest, write_to_textfile
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ouspark_assets.domain.errors import MetricsError
from ouspark_assets.operations.metrics.families import families
from ouspark_assets.operations.metrics.reading import Reader

PATH = "/metrics"
SECONDS_TO_ASK = 10
TEXT = "text/plain; charset=utf-8"

log = logging.getLogger(__name__)


class Metrics(Collector):
    """A reading whenever somebody asks."""

    def __init__(self, reader: Reader) -> None:
        """Collect what this reader reads."""
        self._reader = reader
        self._problem: str | None = None

    def collect(self) -> Iterator[Metric]:
        """Every metric, as of now."""
        reading = self._reader.read()
        if reading.problem != self._problem:
            self._problem = reading.problem
            log.warning("Metrics are incomplete: %s", self._problem or "not any more")
        yield from families(reading)


def text(metrics: Metrics) -> str:
    """The metrics in Prometheus' text format."""
    return generate_latest(metrics).decode()


def write(metrics: Metrics, path: Path) -> None:
    """Put the metrics in place of a file, so that nobody ever reads half of it."""
    try:
        write_to_textfile(str(path), metrics)
    except OSError as error:
        message = f"The metrics can't be written to {path}: {error.strerror}."
        raise MetricsError(message) from None


@dataclass(frozen=True)
class Address:
    """Where metrics are served."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it stands in an URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class MetricsServer(ThreadingHTTPServer):
    """Serves `/metrics`; who asks in vain or too slowly holds up nobody."""

    def __init__(self, address: Address, metrics: Metrics) -> None:
        """Listen, or say why that is not possible."""
        self.metrics = metrics
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            super().__init__((address.host, address.port), _Handler)
        except OSError as error:
            message = f"Metrics can't be served on {address}: {error.strerror or error}."
            raise MetricsError(message) from None

    @cached_property
    def address(self) -> Address:
        """Where it listens; the port is known even if any would do."""
        return Address(str(self.server_address[0]), int(self.server_address[1]))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is its own business."""
        del request
        log.debug("%s did not wait for its answer", client_address)


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = SECONDS_TO_ASK

    def do_GET(self) -> None:
        if self.path.split("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, TEXT, f"Metrics are at {PATH}.\n".encode())
            return
        encode, kind = choose_encoder(self.headers.get("accept", ""))
        self._answer(HTTPStatus.OK, kind, encode(self.server.metrics))

    do_HEAD = do_GET  # noqa: N815 (the name that http.server asks for)

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "OuSpark"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's name)
        log.debug(format, *args)
