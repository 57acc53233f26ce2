"""What a client and the supervisor say to each other: one line of JSON each way.

What belongs here: the questions, the answers and how they travel. Neither side's behaviour.
"""

import json
import socket
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services.server_runner import Report
from ouspark_assets.services.standin_site import Population

Verb = Literal["need", "status", "keep", "stop"]


@dataclass(frozen=True)
class Question:
    """What a client asks: servers to have running, or something about all of them."""

    verb: Verb
    servers: tuple[str, ...] = ()
    population: Population | None = None

    def encode(self) -> bytes:
        """The line to send."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Question":
        """The question in a line."""
        said = json.loads(line)
        population = said["population"] and Population(**said["population"])
        return cls(said["verb"], tuple(said["servers"]), population)


@dataclass(frozen=True)
class Answer:
    """What the supervisor says: where the servers are, how they are, or one line of error."""

    addresses: dict[str, str] = field(default_factory=dict)
    reports: tuple[Report, ...] = ()
    supervisor_pid: int = 0
    users: int = 0
    kept: bool = False
    error: str | None = None

    def encode(self) -> bytes:
        """The line to send."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Answer":
        """The answer in a line."""
        said: dict[str, Any] = json.loads(line)
        reports = tuple(Report(**report) for report in said.pop("reports"))
        return cls(reports=reports, **said)

    def __repr__(self) -> str:
        """Without the addresses, which hold a password."""
        return f"Answer(servers={[report.name for report in self.reports]}, error={self.error!r})"


def ask(path: Path, question: Question, seconds: float) -> Answer | None:
    """Ask the supervisor at a socket; None when nobody is there (any more)."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(seconds)
        try:
            client.connect(str(path))
            client.sendall(question.encode())
            line = b"".join(iter(partial(client.recv, 65536), b""))
        except TimeoutError:
            message = (
                f"The supervisor of the embedded servers did not answer within {seconds:.0f} s"
                f" (at {path}): kill it and try again"
            )
            raise ServiceError(message) from None
        except OSError:
            return None
    return Answer.decode(line) if line.endswith(b"\n") else None
