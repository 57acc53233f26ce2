"""The protocol between clients and the supervisor: one line of JSON in each direction.

What belongs here: requests, responses and their transport. How either side acts does not.
"""

import json
import socket
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services.server_runner import ServerReport
from ouspark_assets.services.standin_site import Population

Verb = Literal["need", "status", "keep", "stop"]


@dataclass(frozen=True)
class Request:
    """A client's request: start servers (`need`), or act on all of them."""

    verb: Verb
    servers: tuple[str, ...] = ()
    population: Population | None = None
    # The address of a production database that is not embedded; it contains a password.
    production: str | None = field(default=None, repr=False)

    @classmethod
    def decode(cls, line: bytes) -> "Request":
        """Return the request of a line."""
        fields = json.loads(line)
        population = fields["population"] and Population(**fields["population"])
        return cls(fields["verb"], tuple(fields["servers"]), population, fields["production"])


@dataclass(frozen=True)
class Response:
    """The supervisor's response: addresses and states of servers, or an error in one line."""

    addresses: dict[str, str] = field(default_factory=dict)
    reports: tuple[ServerReport, ...] = ()
    supervisor_pid: int = 0
    users: int = 0
    kept: bool = False
    error: str | None = None

    @classmethod
    def decode(cls, line: bytes) -> "Response":
        """Return the response of a line."""
        fields: dict[str, Any] = json.loads(line)
        reports = tuple(ServerReport(**report) for report in fields.pop("reports"))
        return cls(reports=reports, **fields)

    def __repr__(self) -> str:
        """Return a text without the addresses, which contain a password."""
        return f"Response(servers={[report.name for report in self.reports]}, error={self.error!r})"


def encode(message: Request | Response) -> bytes:
    """Return the line to send."""
    return json.dumps(asdict(message)).encode() + b"\n"


def send_request(path: Path, request: Request, timeout: float) -> Response | None:
    """Send a request to a control socket; None if no supervisor listens or it ends meanwhile."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        try:
            client.connect(str(path))
            client.sendall(encode(request))
            line = b"".join(iter(partial(client.recv, 65536), b""))
        except TimeoutError as error:
            message = (
                f"The supervisor of the embedded servers did not answer within {timeout:.0f} s"
                f" ({path}). Kill it and try again."
            )
            raise ServiceError(message) from error
        except OSError:
            return None
    return Response.decode(line) if line.endswith(b"\n") else None
