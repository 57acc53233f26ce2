"""What every channel is: a name that sends a message, or says in one line why it did not.

No error here names an address or a secret.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Protocol
from urllib.parse import urlsplit

from ouspark_assets.domain.errors import AlertsError
from ouspark_assets.operations.alerts.messages import Message
from ouspark_assets.operations.alerts.options import Variable

# One message may take this long, whatever the other side does.
SEND_SECONDS = 10.0


class ChannelError(AlertsError):
    """A message was not delivered."""

    def __init__(
        self, channel: str, why: str, *, is_down: bool, retry_after: float | None = None
    ) -> None:
        """Say whether the whole channel is down, and when the other side wants to be asked."""
        super().__init__(f"{channel}: {why}")
        self.is_down = is_down
        self.retry_after = retry_after


class UnusableError(AlertsError):
    """A channel can't be used as the environment is."""


class Channel(Protocol):
    """A way to somebody."""

    @property
    def name(self) -> str:
        """Its name in the rules file."""

    def send(self, message: Message) -> str | None:
        """Deliver a message; returns what should be remembered of it, if anything."""

    def send_test(self, message: Message) -> str | None:
        """Deliver a test message, to nobody who should not get one."""


@dataclass(frozen=True)
class ChannelSpec(ABC):
    """What the rules file says of a channel."""

    type: ClassVar[str]
    # Whether it may carry what is for operators only.
    for_operators: ClassVar[bool] = True

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables it needs."""
        values = (getattr(self, it.name) for it in fields(self))
        return tuple(value.name for value in values if isinstance(value, Variable))

    @abstractmethod
    def opened(self, name: str, environment: Mapping[str, str]) -> Channel:
        """The channel itself; UnusableError when a variable is missing or malformed."""


def value_of(value: str | Variable, environment: Mapping[str, str]) -> str:
    """The value itself."""
    if isinstance(value, str):
        return value
    found = environment.get(value.name, "").strip()
    if not found:
        message = f"{value.name} is not set"
        raise UnusableError(message)
    return found


def web_address(value: str | Variable, environment: Mapping[str, str]) -> str:
    """An address that can be posted to."""
    address = value_of(value, environment)
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable or not address.isprintable() or " " in address:
        message = f"{said_of(value)} is not an http:// or https:// address"
        raise UnusableError(message)
    return address


def said_of(value: str | Variable) -> str:
    """What a message may call it."""
    return value.name if isinstance(value, Variable) else "its value in the rules file"
